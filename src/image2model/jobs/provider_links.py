"""What providers offer under URLs of theirs: whether it is there, and reading it."""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import anyio

from image2model.core.errors import FetchBroken, FetchGone, ResultExpired
from image2model.core.ids import new_hex_id
from image2model.core.job import ResultFile
from image2model.ports.clock import Clock
from image2model.ports.fetcher import Fetched, Fetcher
from image2model.ports.metrics import Metrics

_log = logging.getLogger(__name__)

CHECK_LIMIT_S = 5.0
REMEMBERED_S = 60.0
_MOST_REMEMBERED = 10_000
_MOST_BREAKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    A file of a result that only its provider has.

    Attributes:
        name: Of the file, for messages.
        url: Where it is offered.
        expires_at: When the URL ends; None: not known.
        provider: Whose it is.
        made_at: When the result was made; None: not known.
    """

    name: str
    url: str
    expires_at: datetime | None
    provider: str
    made_at: datetime | None


def offer_of(file: ResultFile, *, provider: str, made_at: datetime | None) -> Offer:
    """Describe *file*, which has a URL."""
    assert file.provider_url is not None
    return Offer(
        name=file.name,
        url=file.provider_url,
        expires_at=file.expires_at,
        provider=provider,
        made_at=made_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlTally:
    """
    How a provider's URLs of results fared.

    Attributes:
        provider: Whose.
        alive: How often one was there when it was looked at.
        dead: How often one was not.
        last_dead_at: When that was last; None: it never was.
    """

    provider: str
    alive: int = 0
    dead: int = 0
    last_dead_at: datetime | None = None


class Links:
    """Looks at and reads what is under providers' URLs; what it saw is remembered for a minute."""

    def __init__(self, fetcher: Fetcher, clock: Clock, metrics: Metrics) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._metrics = metrics
        self._seen: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._tallies: dict[str, UrlTally] = {}

    def tallies(self) -> Sequence[UrlTally]:
        """Tell how providers' URLs fared since this process began."""
        return [self._tallies[provider] for provider in sorted(self._tallies)]

    async def require(self, offer: Offer) -> None:
        """
        Insist that *offer* is still there; what cannot be found out in five seconds passes.

        Raises:
            ResultExpired: It is not.
            FetchRefused: Nothing is read from there.
        """
        self._check_life(offer)
        alive = self._remembered(offer.url)
        if alive is None:
            alive = await self._look(offer)
        if not alive:
            raise ResultExpired(name=offer.name, expired_at=None)

    @asynccontextmanager
    async def open(
        self, offer: Offer, *, limit_bytes: int, start: int = 0
    ) -> AsyncIterator[Fetched]:
        """
        Read *offer*, from its byte *start* on if its provider can do that.

        Raises:
            ResultExpired: It is not there any more.
            FetchRefused, FetchBroken, ArtifactTooLarge: As for `Fetcher.fetch`.
        """
        self._check_life(offer)
        try:
            fetching = self._fetcher.fetch(offer.url, limit_bytes=limit_bytes, start=start)
            async with fetching as fetched:
                # Counted, but not remembered: what was read when it was made may be gone since.
                self._count(offer, alive=True)
                yield fetched
        except FetchGone as error:
            self._note(offer, alive=False)
            raise ResultExpired(name=offer.name, expired_at=None) from error

    async def read_on(self, offer: Offer, *, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        """
        Read *offer*, and where it breaks off in its middle, go on there, up to three times.

        Raises:
            ResultExpired, FetchRefused, FetchBroken, ArtifactTooLarge: As for `open`; after the
                first bytes, what was read is no whole file.
        """
        position = 0
        for again in range(_MOST_BREAKS, -1, -1):
            try:
                async with self.open(offer, limit_bytes=limit_bytes, start=position) as fetched:
                    # Who cannot begin in the middle begins anew.
                    known = position - fetched.start
                    async for chunk in fetched.chunks:
                        fresh = chunk[known:]
                        known = max(known - len(chunk), 0)
                        if fresh:
                            position += len(fresh)
                            yield fresh
            except FetchBroken as error:
                if not position or not again:
                    raise
                _log.warning("'%s' broke off after %d bytes: %s", offer.name, position, error)
            else:
                return

    async def save(self, offer: Offer, folder: Path, *, limit_bytes: int) -> Path:
        """
        Read *offer* into a new file `*.part` of *folder*; on any error none is left.

        Raises:
            ResultExpired, FetchRefused, FetchBroken, ArtifactTooLarge: As for `open`.
        """
        path = anyio.Path(folder / f"{new_hex_id()}.part")
        try:
            async with (
                self.open(offer, limit_bytes=limit_bytes) as fetched,
                await anyio.open_file(path, "wb") as out,
            ):
                async for chunk in fetched.chunks:
                    await out.write(chunk)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await path.unlink(missing_ok=True)
            raise
        return Path(path)

    def _check_life(self, offer: Offer) -> None:
        if offer.expires_at is not None and offer.expires_at <= self._clock.now():
            raise ResultExpired(
                name=offer.name, expired_at=f"{offer.expires_at:%Y-%m-%d %H:%M} UTC"
            )

    async def _look(self, offer: Offer) -> bool:
        try:
            peek = await self._fetcher.peek(offer.url, limit_s=CHECK_LIMIT_S)
        except FetchBroken as error:
            # Whoever downloads may have more luck, or learns the reason at first hand.
            _log.warning("cannot look at '%s' now: %s", offer.name, error)
            return True
        self._note(offer, alive=peek.alive)
        return peek.alive

    def _remembered(self, url: str) -> bool | None:
        seen_at_s, alive = self._seen.get(url, (0.0, None))
        fresh = self._clock.monotonic_s() - seen_at_s < REMEMBERED_S
        return alive if fresh else None

    def _note(self, offer: Offer, *, alive: bool) -> None:
        self._seen[offer.url] = (self._clock.monotonic_s(), alive)
        self._seen.move_to_end(offer.url)
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        self._count(offer, alive=alive)

    def _count(self, offer: Offer, *, alive: bool) -> None:
        age = self._clock.now() - offer.made_at if offer.made_at else None
        age_s = age.total_seconds() if age else None
        self._metrics.url_checked(provider=offer.provider, age_s=age_s, alive=alive)
        tally = self._tallies.get(offer.provider, UrlTally(provider=offer.provider))
        self._tallies[offer.provider] = replace(
            tally,
            alive=tally.alive + alive,
            dead=tally.dead + (not alive),
            last_dead_at=tally.last_dead_at if alive else self._clock.now(),
        )
