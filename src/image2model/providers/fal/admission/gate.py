"""
One submission ahead of the others, where it is not known that they will be accepted.

An account without credit, a wrong key and a retired endpoint refuse every submission alike. A
large job would be refused as often as it may have requests in progress, and every other job
again. So the first submission to an endpoint goes alone, and the others see how it fares: they
follow at once when it is accepted, and are refused with the same words when it is not. What
begins after a refusal goes ahead again, for the account may have been topped up.
"""

import copy
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from image2model.core.errors import GeneratorRetired, Image2ModelError, ProviderAccountBlocked
from image2model.core.values.bounded_dict import BoundedDict
from image2model.ports.clock import Clock

_MOST_ENDPOINTS = 1_000
"""Callers may name endpoints that do not exist."""

_KNOWN_S = 60.0
"""For so long after a submission was taken, the next ones need nobody to go ahead."""

_ACCOUNT = ""
"""Stands for every endpoint."""


@dataclass(slots=True)
class _Ahead:
    mark: str
    fared: anyio.Event = field(default_factory=anyio.Event)


class Gate:
    """Remembers which endpoints take submissions, and who was refused when."""

    def __init__(self, clock: Clock, *, patience_s: float) -> None:
        """
        Open the gate.

        Args:
            clock: Tells when refusals were.
            patience_s: How long the one ahead is waited for, in seconds.
        """
        self._clock = clock
        self._patience_s = patience_s
        self._taken_at_s = BoundedDict[str, float](_MOST_ENDPOINTS)
        self._ahead: dict[str, _Ahead] = {}
        self._refusals = BoundedDict[str, tuple[datetime, Image2ModelError]](_MOST_ENDPOINTS)

    def check(self, endpoint: str, *, since: datetime) -> None:
        """
        Refuse at once what would be refused at *endpoint*.

        Raises:
            ProviderAccountBlocked, GeneratorRetired: That was the answer to another submission,
                later than *since*.
        """
        for scope in (_ACCOUNT, endpoint):
            refusal = self._refusals.get(scope)
            if refusal is not None and refusal[0] > since:
                raise copy.copy(refusal[1])

    async def enter(self, endpoint: str, mark: str, *, since: datetime) -> None:
        """
        Wait until a submission to *endpoint* may go; how it fared must be told by `leave`.

        Args:
            endpoint: Where it goes.
            mark: Names it.
            since: When its preparation began.

        Raises:
            ProviderAccountBlocked, GeneratorRetired: As `check`.
        """
        self.check(endpoint, since=since)
        while not self._is_known(endpoint):
            ahead = self._ahead.get(endpoint)
            if ahead is None:
                self._ahead[endpoint] = _Ahead(mark)
                return
            with anyio.move_on_after(self._patience_s) as waiting:
                await ahead.fared.wait()
            self.check(endpoint, since=since)
            if waiting.cancelled_caught:
                # It hangs, or was given up before it was sent; whoever comes next goes ahead.
                self._drop(endpoint, ahead.mark)
                return

    def leave(self, endpoint: str, mark: str, error: BaseException | None) -> None:
        """Note how the submission of *mark* fared; *error*: None if it was accepted."""
        now = self._clock.now()
        match error:
            case ProviderAccountBlocked():
                self._taken_at_s.clear()
                self._refusals[_ACCOUNT] = now, error
                for other, ahead in list(self._ahead.items()):
                    self._drop(other, ahead.mark)
            case GeneratorRetired():
                self._taken_at_s.pop(endpoint, None)
                self._refusals[endpoint] = now, error
            case None:
                self._taken_at_s[endpoint] = anyio.current_time()
        self._drop(endpoint, mark)

    def withdraw(self, endpoint: str, mark: str) -> None:
        """Note that the submission of *mark* will not go, so that another one may go ahead."""
        self._drop(endpoint, mark)

    def _is_known(self, endpoint: str) -> bool:
        taken_at_s = self._taken_at_s.get(endpoint)
        return taken_at_s is not None and anyio.current_time() < taken_at_s + _KNOWN_S

    def _drop(self, endpoint: str, mark: str) -> None:
        ahead = self._ahead.get(endpoint)
        if ahead is not None and ahead.mark == mark:
            ahead.fared.set()
            del self._ahead[endpoint]
