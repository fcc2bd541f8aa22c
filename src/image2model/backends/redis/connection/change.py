"""A change that is written as a whole or not at all."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from image2model.core.ids import ArtifactId, JobId
from image2model.core.money import Cap
from image2model.core.states import FINAL_STATES, ItemState

Command = list[str]

_OPEN_STATES = sorted(set(ItemState) - FINAL_STATES)
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    What may be spent.

    Attributes:
        cap: The limit.
        wanted_usd: What is about to be spent.
        ledger: The list of the attempts that count; "": those of the job.
        since: Only attempts started later count.
    """

    cap: Cap
    wanted_usd: Decimal
    ledger: str = ""
    since: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Change:
    """
    What is to be written, and what must still be as it was read.

    Attributes:
        job: The job it is of; None: of none.
        locks: What locks must hold; "": nobody may hold it.
        checks: Keys and fields of hashes, and what they must hold; None: nothing.
        starts: Whether it begins an attempt.
        pays: Whether that may cost money.
        limits: What may be spent.
        bumps: Whether it raises the job's version.
        touched: The items, by index, that get the new version.
        counts: How many more items there are in each state.
        commands: What to write.
        events: What happened: a set that is there where somebody hears of it, a list, and what to
            add to the list.
        over: What else to write if every item of the job is final afterwards.
        over_events: What has happened then.
        references: How many times more each file is named.
        leaving: The list of an owner's jobs, the set of owners, and the owner, who leaves it if
            the list is empty afterwards.
    """

    job: JobId | None = None
    locks: dict[str, str] = field(default_factory=dict)
    checks: dict[tuple[str, str], str | None] = field(default_factory=dict)
    starts: bool = False
    pays: bool = False
    limits: list[Limit] = field(default_factory=list)
    bumps: bool = False
    touched: list[int] = field(default_factory=list)
    counts: Counter[ItemState] = field(default_factory=Counter)
    commands: list[Command] = field(default_factory=list)
    events: list[Command] = field(default_factory=list)
    over: list[Command] = field(default_factory=list)
    over_events: list[Command] = field(default_factory=list)
    references: Counter[ArtifactId] = field(default_factory=Counter)
    leaving: Sequence[str] = ()

    def run(self, *command: str | float) -> None:
        """Add a command."""
        self.commands.append([_text(part) for part in command])

    def check(self, key: str, field_name: str, expected: str | None) -> None:
        """Insist that a field of a hash holds what was read."""
        self.checks[key, field_name] = expected

    def name(self, artifacts: Iterable[ArtifactId]) -> None:
        """Count files that are named from now on."""
        self.references.update(artifacts)

    def leave(self, artifacts: Iterable[ArtifactId]) -> None:
        """Count files that are not named any more."""
        self.references.subtract(artifacts)

    def to_json(self) -> str:
        """Write it as `commit.lua` reads it."""
        return json.dumps(
            {
                "locks": list(self.locks.items()),
                "checks": [[key, name, value] for (key, name), value in self.checks.items()],
                "starts": self.starts,
                "pays": self.pays,
                "budgets": [_budget(limit) for limit in self.limits],
                "bumps": self.bumps,
                "touched": [str(index) for index in self.touched],
                "counts": {state: n for state, n in self.counts.items() if n},
                "commands": self.commands,
                "events": self.events,
                "over": self.over,
                "over_events": self.over_events,
                "open_states": _OPEN_STATES,
                "leaving": list(self.leaving),
                "references": {artifact: n for artifact, n in self.references.items() if n},
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """
    What came of a change.

    Attributes:
        version: The job's new version; 0: it was not raised.
        job: The job as it is stored now; "": there is none.
        counts: Its items by state.
        gone: The files that nothing names any more.
    """

    version: int
    job: str
    counts: dict[str, int]
    gone: Sequence[ArtifactId]


def seconds(moment: datetime) -> str:
    """Write *moment* as a score, to the microsecond."""
    return f"{moment.timestamp():.6f}"


def micro_usd(usd: Decimal) -> int:
    """Tell *usd* in millionths of a US dollar, rounded."""
    return round(usd * _MICRO)


def usd_of(micro: float) -> Decimal:
    """Read what `micro_usd` told."""
    return Decimal(int(micro)) / _MICRO


def _budget(limit: Limit) -> dict[str, object]:
    return {
        "scope": limit.cap.scope,
        "limit": micro_usd(limit.cap.limit_usd),
        "wanted": micro_usd(limit.wanted_usd),
        "ledger": limit.ledger,
        "since": None if limit.since is None else seconds(limit.since),
    }


def _text(part: str | float) -> str:
    return part if isinstance(part, str) else str(part)
