"""Everything the use cases work with, chosen once at start."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from image2model.core.ids import JobId
from image2model.core.job import KeepPolicy
from image2model.core.money import UNLIMITED, Budget
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.background.best_effort import aside
from image2model.jobs.background.item_signals import RECALLS
from image2model.jobs.background.preview_queue import Drawing
from image2model.jobs.background.tasks import Chores
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.limits.bounds import Bounds
from image2model.jobs.limits.fair import FairLimiter, FairLimiters
from image2model.jobs.limits.free_space import Reserve
from image2model.jobs.limits.intake_pools import IntakePools
from image2model.jobs.provider_links import Links
from image2model.ports.artifacts import ArtifactStore
from image2model.ports.audit import AuditLog
from image2model.ports.clock import Clock
from image2model.ports.compute import Compute
from image2model.ports.dispatcher import Dispatcher
from image2model.ports.feed import ChangeFeed
from image2model.ports.fetcher import Fetcher
from image2model.ports.jobstore import JobStore
from image2model.ports.metrics import Metrics
from image2model.ports.sessions import SessionStore
from image2model.ports.shares import ShareStore
from image2model.ports.webhooks import Poster, WebhookStore

_UPLOADS, _FETCHES = 256, 32
"""How many there may be at once in one process, of all owners; each takes a file and a socket."""

_FETCHES_FROM_HOST = 8
_MODELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    What an operator may set about jobs.

    Attributes:
        items_per_job: The most items one job may have.
        unfinished_jobs_per_owner: The most running and paused jobs of one owner.
        requests_per_minute: How many requests one caller may send in a minute; None: any number.
        jobs_per_minute: How many jobs one caller may make in a minute; None: any number.
        fetches_per_minute: How many pictures one caller may have fetched in a minute; None: any
            number.
        uploads_at_once: How many uploads one owner may have under way at once, in this process.
        fetches_at_once: How many pictures one owner may have fetched at once, in this process.
        picture_bytes: The largest picture accepted, in bytes.
        picture: What a picture must be like to be decoded.
        result_bytes: The largest file of a result that is kept, in bytes.
        keep: What happens to results unless the job says otherwise.
        keep_s: How long finished jobs are kept, in seconds; None: until deleted.
        links_s: The same for jobs of the policy `links`.
        draft_s: How long an untouched draft is kept, in seconds.
        budget: What may be spent.
        allowed_generators: Ids and patterns of those that may be used; None: those listed, and by
            the person at this machine all.
        anonymous_may_pay: Whether browsers without an API key may use what costs money.
        unknown_price_usd: What a model may cost at most whose price nobody knows; None: it is not
            bought.
        lease_s: How long a silent worker keeps its items, in seconds.
        attempts: How often an item is submitted before it fails.
        soft_limit_s: The longest a run may work on an item that is under way, in seconds; then the
            item is stopped and fails.
        hard_limit_s: The longest a run may take with stopping it; then another one goes on.
        collect_s: How long a paid result that cannot be fetched or kept is fetched again by itself,
            in seconds.
        compute_s: The longest a single computation may take, in seconds.
        bounds: How much callers may have here.
        webhooks_per_owner: The most webhooks of one owner.
        webhook_waiting: The most deliveries that wait for one webhook; the oldest are dropped.
        webhook_log_s: How long deliveries are kept, in seconds.
        webhook_failing_s: A webhook that only failed for so long is switched off, in seconds.
        audit_s: How long the audit log is kept, in seconds.
        incoming: Folder for uploads that are still being checked.
    """

    items_per_job: int = 25
    unfinished_jobs_per_owner: int = 100
    requests_per_minute: int | None = 30_000
    jobs_per_minute: int | None = 300
    fetches_per_minute: int | None = 600
    uploads_at_once: int = 16
    fetches_at_once: int = 6
    picture_bytes: int = 25_000_000
    picture: PictureLimits
    result_bytes: int = 500_000_000
    keep: KeepPolicy = KeepPolicy.KEEP
    keep_s: float | None = None
    links_s: float = 86_400.0
    draft_s: float = 86_400.0
    budget: Budget = UNLIMITED
    allowed_generators: Sequence[str] | None = None
    anonymous_may_pay: bool = True
    unknown_price_usd: Decimal | None = None
    lease_s: float = 10.0
    attempts: int = 3
    soft_limit_s: float = 1_500.0
    hard_limit_s: float = 1_800.0
    collect_s: float = 300.0
    compute_s: float = 120.0
    bounds: Bounds = field(default_factory=Bounds)
    webhooks_per_owner: int = 10
    webhook_waiting: int = 1_000
    webhook_log_s: float = 604_800.0
    webhook_failing_s: float = 432_000.0
    audit_s: float = 31_536_000.0
    incoming: Path

    def life_s(self, keep: KeepPolicy) -> float | None:
        """Tell how long a finished job is kept, in seconds; None: until it is deleted."""
        return self.links_s if keep is KeepPolicy.LINKS else self.keep_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    The ports, the generators and the rules.

    Attributes:
        compute: For what somebody waits for.
        idle_compute: For what can wait until nothing else wants the processors.
        chores: Keeps the background work of this process going.
        reserve: Says whether there is space for anything new.
        drawing: Which previews this process draws now.
        intake_pools: What requests of this process bring now.
        uploading: The places for uploads in this process.
        fetching: The places for pictures that are fetched.
        fetching_from: Those for each host that they are fetched from.
        fetching_models: The places for models that only their providers have.
    """

    store: JobStore
    sessions: SessionStore
    shares: ShareStore
    webhooks: WebhookStore
    audit: AuditLog
    artifacts: ArtifactStore
    dispatcher: Dispatcher
    feed: ChangeFeed
    compute: Compute
    idle_compute: Compute
    clock: Clock
    catalogue: Catalogue
    fetcher: Fetcher
    poster: Poster
    links: Links
    metrics: Metrics
    rules: Rules
    chores: Chores
    reserve: Reserve = field(default_factory=Reserve)
    drawing: Drawing = field(default_factory=Drawing)
    intake_pools: IntakePools = field(default_factory=IntakePools)
    uploading: FairLimiter = field(init=False)
    fetching: FairLimiter = field(init=False)
    fetching_from: FairLimiters = field(default_factory=lambda: FairLimiters(_FETCHES_FROM_HOST))
    fetching_models: FairLimiter = field(default_factory=lambda: FairLimiter(_MODELS))

    def __post_init__(self) -> None:
        """Open the places that owners share."""
        places = FairLimiter(_UPLOADS, per_owner=self.rules.uploads_at_once)
        object.__setattr__(self, "uploading", places)
        places = FairLimiter(_FETCHES, per_owner=self.rules.fetches_at_once)
        object.__setattr__(self, "fetching", places)

    async def announce(self, job: JobId) -> None:
        """Wake the watchers of *job*; call it after the change is written."""
        with aside(f"cannot tell of the change of job {job}"):
            await self.feed.publish(job)

    async def recall(self) -> None:
        """Have all workers see at once which items they were told to stop; call it after that."""
        with aside("cannot tell workers that items were taken from them"):
            await self.feed.publish(RECALLS)
