"""Fault rules: which requests go wrong, and how."""

import fnmatch
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from image2model.core.errors import InvalidRequest
from image2model.testing.fal_simulator.faults.actions import ACTIONS, OPERATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """
    One thing that goes wrong.

    Attributes:
        on: The operation, one of `actions.OPERATIONS`, or "*" for every one that is a request.
        action: What happens: a name of the table in docs/reference/fal-simulator.md.
        endpoint: Glob over the endpoint id ("*" also matches operations without one).
        request_id: Glob over the request id, where the operation has one.
        nth: Applies to the nth match only, counted from 1; None: to every one.
        skip: Matches left alone at first.
        times: Applies at most this often; None: without limit.
        probability: Chance that a match is hit, from 0.0 to 1.0, drawn from the seeded generator.
        options: What the action needs to know; each has a default.
    """

    on: str
    action: str
    endpoint: str = "*"
    request_id: str = "*"
    nth: int | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def covers(self, operation: str, *, endpoint: str, request_id: str) -> bool:
        """Tell whether the rule is about this operation, however often it was hit before."""
        if self.on != operation and (self.on != "*" or operation in ("connect", "run", "webhook")):
            return False
        return (self.endpoint == "*" or fnmatch.fnmatchcase(endpoint, self.endpoint)) and (
            self.request_id == "*" or fnmatch.fnmatchcase(request_id, self.request_id)
        )


@dataclass(slots=True)
class _Entry:
    id: int
    rule: FaultRule
    seen: int = 0
    applied: int = 0


class FaultBook:
    """The rules in force, in the order they were added, and how often each was applied."""

    def __init__(self, *, seed: int) -> None:
        """Start without rules; *seed* is that of the draws for `FaultRule.probability`."""
        self._draw = random.Random(seed)  # noqa: S311 - repeatable chance is the point
        self._ids = itertools.count(1)
        self._entries: list[_Entry] = []

    def add(self, rule: FaultRule) -> int:
        """
        Put *rule* in force.

        Returns:
            The id to remove it by.

        Raises:
            InvalidRequest: The operation, the action or an option is unknown, or they do not fit.
        """
        _check(rule)
        entry = _Entry(next(self._ids), rule)
        self._entries.append(entry)
        return entry.id

    def remove(self, rule_id: int | None = None) -> None:
        """Drop one rule, or all of them; an unknown id is ignored."""
        self._entries = [
            entry for entry in self._entries if rule_id is not None and entry.id != rule_id
        ]

    def take(self, operation: str, *, endpoint: str = "", request_id: str = "") -> FaultRule | None:
        """Return the first rule that hits this request, counting it; None: all goes well."""
        chosen = next(iter(self._due(operation, endpoint, request_id)), None)
        if chosen is None:
            return None
        chosen.applied += 1
        return chosen.rule

    def take_all(
        self, operation: str, *, endpoint: str = "", request_id: str = ""
    ) -> Sequence[FaultRule]:
        """Return every rule that hits, for operations that can go wrong in several ways."""
        due = self._due(operation, endpoint, request_id)
        for entry in due:
            entry.applied += 1
        return [entry.rule for entry in due]

    def report(self) -> Sequence[Mapping[str, Any]]:
        """Return the rules with what was matched and applied so far, as JSON values."""
        return [
            {"id": entry.id, "matched": entry.seen, "applied": entry.applied, **asdict(entry.rule)}
            for entry in self._entries
        ]

    def _due(self, operation: str, endpoint: str, request_id: str) -> Sequence[_Entry]:
        # Every rule counts every match, so that `nth` means the same whatever other rules do.
        matching = [
            entry
            for entry in self._entries
            if entry.rule.covers(operation, endpoint=endpoint, request_id=request_id)
        ]
        for entry in matching:
            entry.seen += 1
        return [entry for entry in matching if self._is_due(entry)]

    def _is_due(self, entry: _Entry) -> bool:
        rule = entry.rule
        if rule.nth is not None and entry.seen != rule.nth:
            return False
        if entry.seen <= rule.skip or (rule.times is not None and entry.applied >= rule.times):
            return False
        return rule.probability >= 1.0 or self._draw.random() < rule.probability


def _check(rule: FaultRule) -> None:
    facts = ACTIONS.get(rule.action)
    if facts is None:
        raise InvalidRequest(field="action", reason=f"'{rule.action}' is none of: {_all(ACTIONS)}.")
    if rule.on not in (*OPERATIONS, "*"):
        raise InvalidRequest(field="on", reason=f"must be one of: {_all(OPERATIONS)}.")
    if rule.on not in facts.operations and (rule.on != "*" or len(facts.operations) == 1):
        reason = f"'{rule.action}' works on: {_all(facts.operations)}."
        raise InvalidRequest(field="on", reason=reason)
    # A misspelt option would leave its default in force, and the test that ordered it blind.
    unknown = rule.options.keys() - facts.options
    if unknown:
        known = _all(facts.options) or "none"
        reason = f"of '{rule.action}' are: {known}; not {_all(unknown)}."
        raise InvalidRequest(field="options", reason=reason)


def _all(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def parse_rules(data: Any) -> Sequence[FaultRule]:
    """
    Read rules from JSON: one object, or a list of them.

    Raises:
        InvalidRequest: A field is unknown, missing or of the wrong type.
    """
    return [_parse_rule(item) for item in _listed(data)]


def _listed(data: Any) -> Iterable[Any]:
    return data if isinstance(data, list) else [data]


def _parse_rule(item: Any) -> FaultRule:
    if not isinstance(item, dict) or not isinstance(item.get("options", {}), dict):
        raise InvalidRequest(field="faults", reason="must be objects, and so must their options.")
    try:
        return FaultRule(**item)
    except TypeError as error:
        raise InvalidRequest(field="faults", reason=f"do not fit: {error}.") from error
