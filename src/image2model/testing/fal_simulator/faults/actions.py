"""Every action that a fault rule can name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from image2model.testing.fal_simulator.faults.canned import CANNED
from image2model.testing.fal_simulator.faults.run_faults import RUN_ACTIONS
from image2model.testing.fal_simulator.faults.webhook_faults import WEBHOOK_ACTIONS
from image2model.testing.fal_simulator.faults.wire_faults import WIRE_ACTIONS

RESET_ON_CONNECT = "reset_on_connect"

REQUESTS = (
    "submit",
    "status",
    "stream",
    "result",
    "cancel",
    "upload_token",
    "upload",
    "upload_part",
    "upload_complete",
    "initiate",
    "download",
    "jwks",
    "models",
    "pricing",
    "estimate",
    "requests",
    "meta",
)
"""The operations that are an HTTP request each."""

OPERATIONS = (*REQUESTS, "connect", "run", "webhook")
"""What a rule can match. "run" is the work behind an accepted submit, "webhook" its report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """The operations that an action works on, and the names of its options."""

    operations: tuple[str, ...]
    options: frozenset[str] = frozenset()


def _options(action: Callable[..., Any]) -> frozenset[str]:
    parameters = inspect.signature(action).parameters.values()
    return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


def _facts(
    actions: Mapping[str, Callable[..., Any]], *operations: str
) -> Mapping[str, ActionFacts]:
    return {
        name: ActionFacts(operations=operations, options=_options(action))
        for name, action in actions.items()
    }


ACTIONS: Mapping[str, ActionFacts] = {
    RESET_ON_CONNECT: ActionFacts(operations=("connect",)),
    **_facts(WIRE_ACTIONS, *REQUESTS),
    **{
        name: ActionFacts(operations=REQUESTS, options=_options(make) | {"processed"})
        for name, make in CANNED.items()
    },
    **_facts(RUN_ACTIONS, "run"),
    **_facts(WEBHOOK_ACTIONS, "webhook"),
}
"""Every action with what a rule may say of it."""
