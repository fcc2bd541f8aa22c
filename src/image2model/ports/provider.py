"""Port: somebody who makes 3D models from pictures."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol, runtime_checkable

from image2model.core.errors import JsonValue
from image2model.core.generator import GeneratorCard, GeneratorId, Options, View
from image2model.core.ids import SubmitKey
from image2model.core.job import FileRole, Handle, KeepPolicy, Progress, Submission
from image2model.geometry.pictures.limits import PictureLimits
from image2model.ports.clock import Clock
from image2model.ports.compute import Compute
from image2model.ports.facts import Facts
from image2model.ports.fetcher import Fetcher

PROVIDER_GROUP = "image2model.providers"
"""The group of entry points by which providers are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPicture:
    """
    One picture to work from.

    Attributes:
        view: Which side it shows.
        media_type: Its type, by its bytes.
        sha256: Of its bytes, hex.
        read: Reads the bytes; may be called any number of times.
        pixels: Width times height; 0: not known.
    """

    view: View
    media_type: str
    sha256: str
    read: Callable[[], Awaitable[bytes]]
    pixels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    One item, as a provider sees it.

    Attributes:
        generator: Which generator to use.
        options: Validated, with every default filled in.
        name: The object's name, for names inside the files.
        pictures: Front first.
        keep: What becomes of the result. With `links` nobody needs the bytes of a file that has
            a URL: deliver the URL alone, and who asked makes sure that a model is there.
    """

    generator: GeneratorId
    options: Options
    name: str
    pictures: Sequence[WorkPicture]
    keep: KeepPolicy = KeepPolicy.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidedFile:
    """
    One file a provider delivers.

    Attributes:
        name: As the provider calls it; made safe before use.
        role: What it is for.
        content: Its bytes, or None: they are in *path*, or to be fetched from *url*.
        path: A file on this machine that holds its bytes, or None. Whoever asked for the
            delivery removes it.
        url: Where it is offered, or None: there is only what was delivered.
        expires_at: When *url* ends; None: not known, or no URL.
    """

    name: str
    role: FileRole
    content: bytes | None = None
    path: Path | None = None
    url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    Everything that came of one submission.

    Attributes:
        files: The mesh first.
        facts: What the provider says of it (seed, sizes), as JSON values.
        cost_usd: What it cost, in US dollars; None: the provider does not say.
    """

    files: Sequence[ProvidedFile]
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    cost_usd: Decimal | None = None


class Provider(Protocol):
    """
    Runs a family of generators.

    What is sent and what comes back are plain data which the caller writes down before the next
    step, so any process can go on where another one died.
    """

    @property
    def name(self) -> str:
        """The first part of its generators' ids."""
        ...

    def cards(self) -> Sequence[GeneratorCard]:
        """List its generators, the default one first."""
        ...

    def card(self, generator: GeneratorId) -> GeneratorCard | None:
        """Describe *generator*, listed or not; None: it has no such one."""
        ...

    async def prepare(self, work: Work) -> Submission:
        """
        Do all that is free and repeatable before the submission (upload pictures, build the body).

        May wait for a free place at the provider; cancelling ends the wait. Places are shared
        fairly: `core.shares.current_share` tells here, and in every other call, for whom it is,
        and `jobs.limits.fair.FairLimiter` goes by that.

        Raises:
            ProviderRejected: The work can never be accepted.
            ProviderUnavailable: Not now.
            ProviderAccountBlocked: The account cannot be used.
            GeneratorRetired: The provider no longer offers the generator.
            InvalidPictureError: A picture cannot be used.
        """
        ...

    async def submit(self, submission: Submission, *, submit_key: SubmitKey) -> Handle:
        """
        Start the work; this is where money is spent. Called once for each *submit_key*.

        Raises:
            ProviderRejected: Refused for good; nothing was charged.
            ProviderUnavailable: It certainly did not start.
            ProviderAccountBlocked: The account cannot be used; it did not start.
            GeneratorRetired: The provider no longer offers the generator; it did not start.
            SubmissionUncertain: It may have started; `reconcile` is asked next.
            InvalidInputError, ConfigurationError: It cannot be sent so; it did not start.

        Whatever else is raised, such as for a full disk or by a bug, leaves the item in doubt: it
        is not known whether the work started.
        """
        ...

    async def reconcile(self, submission: Submission, *, submit_key: SubmitKey) -> Handle | None:
        """
        Find out what became of a submission whose answer was lost.

        Faults on the way are retried inside for as long as the provider finds sensible, which
        may be minutes; cancelling ends the search and changes nothing.

        Returns:
            The handle of the work that did start, or None: it certainly did not start.

        Raises:
            SubmissionUncertain: It cannot be found out.
        """
        ...

    def follow(self, work: Work, handle: Handle) -> AsyncIterator[Progress]:
        """
        Report progress until the work is done; may be started again after a crash.

        Faults on the way are retried inside; cancelling leaves the work running there.

        Raises:
            ProviderRejected: The work failed for good.
            ProviderUnavailable: The work is lost there through no fault of the request.
            ProviderAccountBlocked: The account cannot be used.
            InvalidPictureError: The picture cannot be used after all.
        """
        ...

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """
        Fetch what the finished work made; may be called again.

        Faults on the way are retried inside for as long as the provider finds sensible. Whatever
        is raised but `ProviderRejected` leaves the work as it is, made and paid for: it is
        collected again, and never submitted again by itself.

        Raises:
            ProviderRejected: It turns out to have failed.
            ProviderResultInvalid: There is no mesh in it, or the provider has it no more.
            ProviderUnavailable: It cannot be fetched now; the work is not lost.
        """
        ...

    async def cancel(self, handle: Handle) -> bool:
        """
        Ask for the work to be stopped.

        Returns:
            True: it has stopped, will not be delivered and is not charged. False: it is done
            already, or goes on; collect it.
        """
        ...

    async def check(self) -> None:
        """
        Say whether the provider can be used now, without spending anything.

        Raises:
            ProviderUnavailable: It cannot be reached.
            ProviderAccountBlocked: The account cannot be used.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        ...


@runtime_checkable
class WebhookReceiver(Protocol):
    """
    What a provider has besides, if it can be told that work is done instead of asking.

    Its settings then hold `webhook_url`: it sends `<webhook_url>/<submit_key>` along with a
    submission, and what comes there is handed to it.
    """

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """
        Make sure that the provider sent *body*, and tell which work it speaks of.

        Args:
            headers: By lower-case name.
            body: As it came, byte by byte.

        Returns:
            The request id, as in `Handle.request_id`.

        Raises:
            WebhookRefused: It is not the provider's, too old, or makes no sense.
            ProviderUnavailable: That cannot be found out now.
        """
        ...

    def find_handle(self, submission: Submission, *, request_id: str) -> Handle:
        """Make the handle of work that was accepted as *request_id* but never answered."""
        ...

    def wake(self, request_id: str) -> bool:
        """
        Have whoever follows *request_id* in this process look at once.

        Returns:
            False: nobody does.
        """
        ...


@runtime_checkable
class BillReader(Protocol):
    """
    What a provider has besides, if it knows what work cost before its files are fetched.

    The cost is booked as soon as work is done, whatever becomes of its files. A provider without
    this is taken at its estimate, until `Delivery.cost_usd` says otherwise; and at its word where
    the estimate is nothing: what failed is then made again, and not fetched again.
    """

    async def read_bill(self, handle: Handle) -> Decimal | None:
        """
        Tell what work that is done has cost; free, and may be called again.

        Returns:
            The cost in US dollars, or None: the provider does not say.

        Raises:
            ProviderError: That cannot be found out now.
        """
        ...


@runtime_checkable
class AnswerSearcher(Protocol):
    """What a provider has besides, if it can say how long `reconcile` may take."""

    async def search_limit_s(self, submission: Submission) -> float:
        """Tell how long the search for *submission* takes at most from now on, in seconds."""
        ...


@runtime_checkable
class PlaceKeeper(Protocol):
    """
    What a provider has besides, if `prepare` reserves something for the submission.

    It is told where a submission that was prepared will not be submitted, because its job was
    paused or its budget is used up, so that other jobs need not wait for what it reserved.
    """

    def release(self, submission: Submission) -> None:
        """Give back what `prepare` has reserved for *submission*; may be called twice."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTools:
    """
    What a provider may use.

    Attributes:
        compute: Runs CPU-heavy functions off the event loop.
        clock: The time.
        picture_limits: What a picture must be like to be decoded.
        fetcher: Reads what providers offer under URLs.
        incoming: Folder for files on their way; each named `*.part`, removed when old.
        result_bytes: The largest file of a result that is kept, in bytes.
        compute_limit_s: The longest a single computation may take, in seconds.
        facts: Keeps what the provider has learnt for all processes and beyond restarts; None:
            there is no such place, and it learns for itself.
        config: The provider's own settings, by lower-case name without any prefix: the variable
            `IMAGE2MODEL_ACME__API_KEY` is `api_key` for the provider `acme`. May hold secrets,
            and is therefore left out of the representation.
    """

    compute: Compute
    clock: Clock
    picture_limits: PictureLimits
    fetcher: Fetcher
    incoming: Path
    result_bytes: int
    compute_limit_s: float
    facts: Facts | None = None
    config: Mapping[str, str] = field(default_factory=dict, repr=False)


ProviderFactory = Callable[[ProviderTools], Provider]
"""What an entry point of the group `image2model.providers` names."""
