"""
What a caller must be allowed to do to call a route: reading needs `read`, all else `generate`.

Routes that need something else are named here, by their operation's id. Those that need nothing
are in `PUBLIC_ROUTERS`.
"""

from collections.abc import Mapping

from image2model.core.scopes import Scope

_READING = frozenset({"GET", "HEAD"})
_OTHERWISE: Mapping[str, Scope] = {
    "estimateJob": Scope.READ,
    "listKeys": Scope.ADMIN,
    "createKey": Scope.ADMIN,
    "getKey": Scope.ADMIN,
    "changeKey": Scope.ADMIN,
    "revokeKey": Scope.ADMIN,
    "readMetrics": Scope.ADMIN,
    "allowSpending": Scope.ADMIN,
    "cancelAnyJob": Scope.ADMIN,
    "cancelOwner": Scope.ADMIN,
    "deleteAnyJob": Scope.ADMIN,
    "exportAudit": Scope.ADMIN,
    "exportAuditLines": Scope.ADMIN,
    "getOverview": Scope.ADMIN,
    "listAllJobs": Scope.ADMIN,
    "listAudit": Scope.ADMIN,
    "purgeStorage": Scope.ADMIN,
    "stopSpending": Scope.ADMIN,
}


def needed_scope(operation_id: str | None, method: str) -> Scope:
    """Tell what a caller must be allowed to do to call a route."""
    implied = Scope.READ if method in _READING else Scope.GENERATE
    return _OTHERWISE.get(operation_id or "", implied)
