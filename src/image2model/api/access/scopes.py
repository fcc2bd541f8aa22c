"""
What a caller must be allowed to do to call a route: reading needs `read`, all else `generate`.

Routes that need something else are named here, by their operation's id. Those of operators are in
`ADMIN_ROUTERS`, and those that need nothing in `PUBLIC_ROUTERS`.
"""

from collections.abc import Mapping

from image2model.core.scopes import Scope

_READING = frozenset({"GET", "HEAD"})
_OTHERWISE: Mapping[str, Scope] = {
    "estimateJob": Scope.READ,
}


def needed_scope(operation_id: str | None, method: str) -> Scope:
    """Tell what a caller must be allowed to do to call a route."""
    implied = Scope.READ if method in _READING else Scope.GENERATE
    return _OTHERWISE.get(operation_id or "", implied)
