"""The ledger of `MemoryJobStore`."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from image2model.core.ids import SubmitKey
from image2model.core.job import Attempt
from image2model.core.rules import IllegalStep, may_have_cost
from image2model.jobs.records.document import LedgerLine
from image2model.ports.dispatcher import ItemRef


@dataclass(slots=True)
class Ledger:
    """All attempts by their submit key, in the order in which they were started."""

    lines: dict[SubmitKey, LedgerLine] = field(default_factory=dict)
    _of_item: dict[ItemRef, list[SubmitKey]] = field(default_factory=dict)
    _requests: dict[tuple[str, str], SubmitKey] = field(default_factory=dict)

    def of_item(self, ref: ItemRef) -> tuple[Attempt, ...]:
        """List the attempts of one item, oldest first."""
        return tuple(self.lines[key].attempt for key in self._of_item.get(ref, ()))

    def since(self, moment: datetime) -> Iterator[LedgerLine]:
        """List the lines of attempts started after *moment*."""
        lines = reversed(self.lines.values())
        return itertools.takewhile(lambda line: line.attempt.submitted_at > moment, lines)

    def start(self, line: LedgerLine) -> None:
        """
        Add *line*.

        Raises:
            IllegalStep: Its submit key is in the ledger already.
        """
        key = line.attempt.submit_key
        if key in self.lines:
            raise IllegalStep(f"the submit key {key} belongs to another attempt")
        self.lines[key] = line
        self._of_item.setdefault(line.ref, []).append(key)

    def change(self, attempt: Attempt) -> None:
        """
        Replace the attempt of the same submit key.

        Raises:
            IllegalStep: The provider gave the same request id to another attempt.
        """
        key = attempt.submit_key
        if attempt.handle is not None:
            request = (attempt.provider, attempt.handle.request_id)
            if self._requests.setdefault(request, key) != key:
                raise IllegalStep(f"request {request} belongs to another attempt")
        self.lines[key] = replace(self.lines[key], attempt=attempt)

    def leave_item(self, ref: ItemRef) -> None:
        """Keep of an item that is deleted only the attempts that may have cost money."""
        for key in self._of_item.pop(ref, ()):
            if not may_have_cost(self.lines[key].attempt):
                del self.lines[key]
