"""Port: the one truth about jobs, items, attempts and leases."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from image2model.core.generator import GeneratorId, Options
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import (
    Attempt,
    Description,
    Handle,
    Item,
    Job,
    KeepPolicy,
    Picture,
    Problem,
    Progress,
    Result,
    Submission,
)
from image2model.core.money import UNLIMITED, Budget, BudgetScope, SpendingStop
from image2model.core.output import Output
from image2model.core.rules import IllegalStep
from image2model.core.states import ACTIVE_STATES, AttemptState, ItemState, JobState
from image2model.ports.derived import DerivedFiles, Whose
from image2model.ports.dispatcher import ItemRef
from image2model.ports.facts import Facts
from image2model.ports.failures import Failures
from image2model.ports.overview import Overviews


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """
    Which jobs to list, newest first.

    Attributes:
        owner: Only this owner's; None: of everybody.
        text: Only those whose name contains it, ignoring case in every script; "": all.
        state: Only those in this state; None: all.
        starred: Only (un)starred ones; None: all.
        after: Only jobs older than this position (`JobPage.next`); None: from the newest.
        limit: The most to return.
    """

    owner: OwnerId | None
    text: str = ""
    state: JobState | None = None
    starred: bool | None = None
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """
    One page of jobs.

    Attributes:
        jobs: Without their items, newest first.
        next: Pass it as `JobQuery.after` for more; None: this was the last page.
    """

    jobs: Sequence[Job]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """
    What files take.

    Attributes:
        kept_bytes: Pictures and kept results, a file that several jobs share counted once.
        derived_bytes: What was made of them, and can be made again.
    """

    kept_bytes: int
    derived_bytes: int

    @property
    def all_bytes(self) -> int:
        """Everything."""
        return self.kept_bytes + self.derived_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """
    How much an owner has here that is not finished.

    Attributes:
        drafts: The owner's drafts.
        unfinished_items: Items of running and paused jobs that are not final.
    """

    drafts: int
    unfinished_items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    What an owner has here, and what is spent.

    Attributes:
        jobs: The owner's jobs, drafts included.
        drafts: The drafts among them.
        unfinished_items: Items of running and paused jobs that are not final.
        stored: What their files take.
        day_usd: What all attempts started within the last 24 hours cost, of all owners together:
            what `Budget.day_usd` is compared with.
    """

    jobs: int
    drafts: int
    unfinished_items: int
    stored: Stored
    day_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerQuery:
    """
    Which attempts to list, newest first.

    Attributes:
        owner: Only those of this owner's jobs.
        since: Only those started then or later; None: from the first.
        until: Only those started before then; None: up to now.
        after: Only those older than this position (`LedgerPage.next`); None: from the newest.
        limit: The most to return.
    """

    owner: OwnerId
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """
    One attempt, with what must be known of it when its job is gone.

    Attributes:
        job: Its job, which may have been deleted.
        item_name: The item it was made for.
        generator: What was to make it.
        attempt: The attempt.
    """

    job: JobId
    item_name: str
    generator: GeneratorId
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """
    One page of the ledger.

    Attributes:
        entries: Newest first.
        next: Pass it as `LedgerQuery.after` for more; None: this was the last page.
    """

    entries: Sequence[LedgerEntry]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueJob:
    """
    A job of which something may be claimed.

    Attributes:
        first: The first of its items that may be.
        owner: Whose it is.
        generator: What makes its items.
    """

    first: ItemRef
    owner: OwnerId
    generator: GeneratorId


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    The right to work on one item for a while.

    Attributes:
        ref: The item.
        worker: Who holds the lease.
        fence: Grows with every claim; every write carries it.
        job: The job, without its items; until this one is final, its counts may be those of when
            it was claimed.
        item: The item as of the last write made with this claim.
    """

    ref: ItemRef
    worker: WorkerId
    fence: int
    job: Job
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTerms:
    """
    What a draft shall be made with; each is as of `Job`.

    Attributes:
        generator: What makes the items.
        options: With every default filled in.
        output: What the models shall come as.
        keep: What happens to results.
        life_s: How long the job is kept after it finished, in seconds; None: until it is deleted.
        budget_usd: The most it may cost, in US dollars; None: no limit.
    """

    generator: GeneratorId
    options: Options
    output: Output
    keep: KeepPolicy
    life_s: float | None
    budget_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStart:
    """A new line of the ledger, written before anything is sent."""

    submit_key: SubmitKey
    provider: str
    submission: Submission

    @property
    def is_paid(self) -> bool:
        """Whether it may cost anything: then budgets and the stop of spending count for it."""
        return self.submission.estimated_usd > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptChange:
    """
    What became of the latest attempt.

    Attributes:
        state: Its new state.
        handle: What the provider answered; None: unchanged.
        cost_usd: Booked cost; None: unchanged.
    """

    state: AttemptState
    handle: Handle | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One change of one item, written as a whole or not at all.

    A step that contradicts itself or the states' order raises `IllegalStep`.

    Attributes:
        to: The new state; the present one to change only what is below.
        progress: New progress; None: unchanged. Its fraction never falls but with `to` queued.
        problem: New problem; None clears it.
        result: The result; None: unchanged.
        start: A new attempt to write down, with `to` submitting.
        budget: Checked, and the job's own budget, when *start* is given and may cost anything.
        attempt: What became of the latest attempt; None: unchanged.
        delay_s: Seconds before the item may be claimed again; with `to` queued, or where it stays
            under way. More than 0 ends the lease.
    """

    to: ItemState
    progress: Progress | None = None
    problem: Problem | None = None
    result: Result | None = None
    start: AttemptStart | None = None
    budget: Budget = UNLIMITED
    attempt: AttemptChange | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.start is not None and self.to is not ItemState.SUBMITTING:
            raise IllegalStep(f"an attempt cannot start in a step to {self.to}")
        if self.start is not None and self.attempt is not None:
            raise IllegalStep("a step starts an attempt or changes the latest one, not both")
        if self.delay_s and self.to not in {ItemState.QUEUED, *ACTIVE_STATES}:
            raise IllegalStep(f"nobody claims an item that is {self.to}")

    def may_be_taken(self, job: JobState) -> bool:
        """Tell whether an item of a job in the state *job* may take it: only a running one pays."""
        return self.start is None or job is JobState.RUNNING

    def unless_cancelled(self, *, cancel_requested: bool) -> "Step":
        """Return the step that an item takes instead of being queued again after a cancel."""
        if self.to is not ItemState.QUEUED or not cancel_requested:
            return self
        return Step(to=ItemState.CANCELLED, attempt=self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanges:
    """
    What is new since a version.

    Attributes:
        job: As it is now, without its items.
        items: The items touched since, by index.
    """

    job: Job
    items: Sequence[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """A lease that was prolonged, and whether somebody wants its item to stop."""

    ref: ItemRef
    fence: int
    cancel_requested: bool


class Resolution(StrEnum):
    """What a person decided about an item that may be, or is, paid for and is not there."""

    RESUBMIT = "resubmit"
    GIVE_UP = "give_up"


class JobStore(Facts, Failures, DerivedFiles, Overviews, Protocol):
    """
    Keeps jobs. Every method is atomic, and times are taken from the store's own clock.

    Every method raises DatabaseUnavailable when the store cannot be reached or written (locked,
    disk full, connection lost); nothing was changed then.

    A call that changes anything visible of a job or of its items raises the job's version by one
    and marks the items it touched with it. Whenever the last item of a running or paused job
    becomes final, the same transaction finishes the job.
    """

    # --- jobs -------------------------------------------------------------------------------

    async def add_job(self, job: Job, *, reuse: bool = False) -> Job:
        """
        Add a draft or running *job* with its items.

        An owner's idempotency key names one job as long as that job exists: the same key and
        fingerprint again return it as it is now and add nothing.

        Args:
            job: The new job; its items are queued, or failed where their picture was refused. Its
                times and versions are the store's, and items of equal names get numbers.
            reuse: Take over the result of an earlier succeeded item of the same owner and
                `made_key` instead of making it again, where its files can still be had (and are
                kept by us, if *job* keeps results). Drafts take over nothing.

        Returns:
            The job as stored, with its items; finished at once when every item is final.

        Raises:
            IdempotencyKeyReused: The key belongs to a job with another fingerprint.
            AlreadyRunning: With *reuse*: items of this owner with the same `made_key` are
                unfinished, or paid for and still to be fetched; nothing was added.
        """
        ...

    async def get_job(self, job: JobId) -> Job:
        """
        Read *job* with its items.

        Raises:
            JobNotFound: There is none.
        """
        ...

    async def get_item(self, ref: ItemRef) -> Item:
        """
        Read one item.

        Raises:
            JobNotFound: There is no such job.
            ItemNotFound: It has no such item.
        """
        ...

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """
        List jobs, newest first, without their items.

        Raises:
            InvalidRequest: `query.after` is no position.
        """
        ...

    async def count_unfinished(self, owner: OwnerId) -> int:
        """Count *owner*'s drafts, running and paused jobs."""
        ...

    async def counts(self, owner: OwnerId) -> Counts:
        """Count *owner*'s drafts and unfinished items; much less work than `usage`."""
        ...

    async def usage(self, owner: OwnerId) -> Usage:
        """Add up what *owner* has here, and what was spent in a day."""
        ...

    async def stored(self, whose: Whose) -> Stored:
        """Add up what files take; with several owners, all their files are looked at."""
        ...

    async def has_key(self, owner: OwnerId, idempotency_key: str) -> bool:
        """Tell whether a job of *owner* has *idempotency_key*, finished or not."""
        ...

    async def changes_since(self, job: JobId, version: int) -> JobChanges:
        """
        Read what is new in *job* since *version*; 0: everything.

        Raises:
            JobNotFound: There is none (any more).
        """
        ...

    async def update_job(
        self, job: JobId, *, name: str | None = None, starred: bool | None = None
    ) -> Job:
        """
        Change what is given; None leaves it.

        A starred job has no `expires_at`; one that is starred no more has that of its life.

        Returns:
            The job with its items.

        Raises:
            JobNotFound: There is none.
        """
        ...

    async def set_budget(self, job: JobId, budget_usd: Decimal | None) -> None:
        """
        Change the most that *job*, which was started, may cost; None: no limit.

        What was left for want of a budget is made by `retry_items`.

        Raises:
            JobNotFound: There is none.
            WrongState: It is a draft.
        """
        ...

    async def delete_job(self, job: JobId) -> Sequence[ArtifactId]:
        """
        Remove *job* and all about it; leases on its items are lost.

        Attempts that may have cost money stay in the ledger.

        Returns:
            The artifacts that nothing names any more.

        Raises:
            JobNotFound: There is none.
        """
        ...

    async def replace_result(self, ref: ItemRef, result: Result) -> Sequence[ArtifactId]:
        """
        Give a succeeded item another result: the same model, kept elsewhere.

        Returns:
            The artifacts that nothing names any more.

        Raises:
            JobNotFound, ItemNotFound: It is not there.
            WrongState: It has not succeeded.
        """
        ...

    # --- drafts -----------------------------------------------------------------------------

    async def put_picture(
        self, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
    ) -> Sequence[ArtifactId]:
        """
        Set one view of an item of a draft, adding the item if it is not there yet.

        Uploads may come in any order: an index beyond the next free one is fine, and the items
        between are absent until their pictures come.

        Args:
            ref: The item; its index is below *item_limit*.
            picture: The checked picture; replaces an earlier one of the same view.
            name: The item's name; None: unchanged, or `item-N` (N = index + 1) for a new item. A
                name that another item has gets a number, whatever its case.
            item_limit: The most items the job may have.

        Returns:
            The artifacts that nothing names any more.

        Raises:
            JobNotFound: There is no such job.
            WrongState: It is not a draft.
            ItemNotFound: The index is negative.
            TooManyItems: The index is *item_limit* or more.
        """
        ...

    async def remove_item(self, ref: ItemRef) -> Sequence[ArtifactId]:
        """
        Remove an item from a draft; later ones move up.

        Returns:
            The artifacts that nothing names any more.

        Raises:
            JobNotFound, ItemNotFound: It is not there.
            WrongState: The job is not a draft.
        """
        ...

    async def move_item(self, ref: ItemRef, *, to: int) -> None:
        """
        Put an item of a draft at the place of the item *to*; those between move by one.

        Raises:
            JobNotFound, ItemNotFound: It, or the index *to*, is not there.
            WrongState: The job is not a draft.
        """
        ...

    async def describe_items(self, job: JobId, descriptions: Mapping[int, Description]) -> None:
        """
        Name and describe items of a draft, by their indexes; the others stay as they are.

        What is said is in place of what was said before. A name that an item before has gets a
        number.

        Raises:
            JobNotFound, ItemNotFound: One of them is not there; nothing changed.
            WrongState: The job is not a draft.
        """
        ...

    async def change_draft(self, job: JobId, terms: DraftTerms) -> None:
        """
        Give a draft other terms than it has.

        Raises:
            JobNotFound: There is none.
            WrongState: It is not a draft.
        """
        ...

    async def start_job(self, job: Job) -> Job:
        """
        Turn the draft of the same id and version into the running *job* given.

        Args:
            job: The draft as read, with what starting it settles: name, generator, options, wishes,
                keep, life, budget, fingerprint, and the items' `made_key`s, states (queued or
                failed) and problems. Whether indexes are missing is the caller's to check.

        Returns:
            The job with its items.

        Raises:
            JobNotFound: There is none.
            WrongState: It is no draft, or has changed since it was read.
        """
        ...

    # --- what people do to running jobs -----------------------------------------------------

    async def cancel_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """
        Cancel items: queued ones at once; those under way are asked to stop.

        A draft is finished, all its items cancelled. Final and uncertain items stay.

        Args:
            job: The job.
            indexes: Which items; None: all.

        Returns:
            The items that are still under way, of those asked for.

        Raises:
            JobNotFound, ItemNotFound: One of them is not there; nothing changed.
            WrongState: Some *indexes* of a draft; `remove_item` is for those.
        """
        ...

    async def retry_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """
        Queue items again, due at once; a finished job runs again, a paused one stays paused.

        What an earlier end left behind goes: problem, progress, the wish to cancel, `finished_at`
        and `expires_at`.

        Args:
            job: The job.
            indexes: Failed or cancelled items; None: all failed ones (there may be none).

        Returns:
            The items queued.

        Raises:
            JobNotFound, ItemNotFound: One of them is not there; nothing changed.
            WrongState: A named item is neither failed nor cancelled, or the job is a draft;
                nothing changed.
        """
        ...

    async def pause_job(self, job: JobId) -> None:
        """
        Let no further items of a running job be claimed; a paused one stays paused.

        Whoever has claimed a queued item of it has lost it, so that no attempt starts after this.

        Raises:
            JobNotFound: There is none.
            WrongState: It is neither running nor paused.
        """
        ...

    async def resume_job(self, job: JobId) -> Sequence[ItemRef]:
        """
        Let a paused job go on; a running one goes on.

        Returns:
            Its queued items.

        Raises:
            JobNotFound: There is none.
            WrongState: It is neither running nor paused.
        """
        ...

    async def resolve_item(self, ref: ItemRef, resolution: Resolution, *, problem: Problem) -> None:
        """
        Queue an item again whose answer was lost, or fail it with *problem*.

        It is uncertain, or submitting while its latest attempt is uncertain: whoever searches for
        the answer has lost it.

        A failed item whose latest attempt is still accepted can be queued again, too: that
        attempt then ends as failed, its cost stays, and the next run starts a new one.

        Raises:
            JobNotFound, ItemNotFound: It is not there.
            WrongState: There is no doubt about it, and it did not fail with an accepted attempt.
        """
        ...

    async def stop_job(
        self, job: JobId, indexes: Collection[int] | None = None, *, problem: Problem
    ) -> None:
        """
        Fail queued items of *job* with *problem* (account blocked, budget used up).

        Whoever has claimed one of them has lost it. A draft stays as it is.

        Args:
            job: The job.
            indexes: Which items; None: all. Those that are not queued, or not there, do not matter.
            problem: What they fail with.

        Raises:
            JobNotFound: There is none.
        """
        ...

    # --- work -------------------------------------------------------------------------------

    async def due_items(self, *, limit: int) -> Sequence[ItemRef]:
        """List items that may be claimed now, those waiting longest first."""
        ...

    async def due_jobs(self, *, limit: int) -> Sequence[DueJob]:
        """List jobs of which items may be claimed now, those waiting longest first."""
        ...

    async def claim_item(self, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
        """
        Take the lease of an item that is queued and due, or under way with its lease run out.

        The item's state stays; its fence grows, so whoever held the lease before can write no more.

        Args:
            ref: The item.
            worker: Who asks.
            lease_s: How long the lease holds without being renewed, in seconds.

        Returns:
            The claim, or None: it is held, not due, final, uncertain, paused or gone.
        """
        ...

    async def renew_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]], *, lease_s: float
    ) -> Sequence[Renewed]:
        """
        Prolong the leases of *claims* (item and fence); those not in the answer are lost.

        A lease that ran out but that nobody else took is prolonged too.
        """
        ...

    async def release_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]]
    ) -> None:
        """Give leases back, so that another worker may claim the items at once."""
        ...

    async def step(self, claim: Claim, step: Step) -> Claim:
        """
        Write *step*, if the lease still holds and the item is in the state the claim says.

        A step to queued, to a final state or to uncertain ends the lease, and so does one with a
        delay. A lease that ran out but that nobody else took still counts. An item that somebody
        has asked to stop is not queued again: it is cancelled.

        Returns:
            The claim with the item and job as written.

        Raises:
            LeaseLost: Somebody else has the item, it was cancelled, it is gone, or, with
                `step.start`, its job does not run; nothing was written.
            AccessEnded: With `step.start`: the job's owner is past their end; nothing was written.
            BudgetExceeded: With `step.start`: over a budget; nothing was written. Attempts count
                with their booked cost, or else with their estimate.
            BudgetExceeded: With a `step.start` that costs: over a budget; nothing was written.
                Attempts count with their booked cost, or else with their estimate.
            SpendingStopped: With a `step.start`: spending is stopped, and it costs, or everything
                is stopped; nothing was written.
            IllegalStep: No item may take this step, the submit key or the provider's request id
                belongs to another attempt, or there is no attempt to change; nothing was written.
        """
        ...

    async def find_attempt(self, submit_key: SubmitKey) -> tuple[ItemRef | None, Attempt] | None:
        """
        Find a line of the ledger.

        Returns:
            The item it was made for, or None where that was deleted, and the attempt. None: the
            ledger has no such key.
        """
        ...

    async def book_late_answer(
        self, submit_key: SubmitKey, change: AttemptChange
    ) -> Attempt | None:
        """
        Write what became of an attempt whose item has gone on without it, or has been deleted.

        An uncertain item whose latest attempt the provider turns out to have (accepted or
        succeeded, with a handle) goes on as generating and is due at once.

        Returns:
            The attempt, or None: the ledger has no such key.
        """
        ...

    async def uncertain_items(self, *, since: datetime, limit: int) -> Sequence[ItemRef]:
        """List uncertain items whose latest attempt was started after *since*, oldest first."""
        ...

    # --- stopping all spending --------------------------------------------------------------

    async def stop_spending(
        self, *, reason: str, by: str, everything: bool = False
    ) -> SpendingStop:
        """
        Let no attempt that costs anything start in any process, until `allow_spending`.

        None starts after this has returned.

        Args:
            reason: Why, for people.
            by: Who stops it.
            everything: Let no attempt start that costs nothing, either.

        Returns:
            The stop; where there was one already that stops as much, that one.
        """
        ...

    async def allow_spending(self) -> None:
        """Let attempts start again; where nothing was stopped, nothing happens."""
        ...

    async def spending_stop(self) -> SpendingStop | None:
        """Tell whether spending is stopped; None: it is not."""
        ...

    async def spent_usd(self, scope: BudgetScope, *, owner: OwnerId) -> Decimal:
        """Add up what a budget of a day or month counts now, in US dollars; *owner*: whose."""
        ...

    async def list_ledger(self, query: LedgerQuery) -> LedgerPage:
        """
        List attempts, newest first, those of deleted jobs included.

        Raises:
            InvalidRequest: `query.after` is no position.
        """
        ...

    # --- owners that end --------------------------------------------------------------------

    async def end_owner(self, owner: OwnerId, *, at: datetime | None = None) -> None:
        """
        Let no attempt of *owner*'s jobs start from *at* on; None: from now on.

        Once this has returned, none starts after that moment in any process. A later call counts
        instead of an earlier one. What was started goes on.
        """
        ...

    async def reopen_owner(self, owner: OwnerId) -> None:
        """Let attempts of *owner*'s jobs start again, whenever that was to end."""
        ...

    async def ended_owners(self, *, limit: int) -> Sequence[OwnerId]:
        """List owners past their end who have running or paused jobs."""
        ...

    # --- keeping house ----------------------------------------------------------------------

    async def set_expiry(self, job: JobId, expires_at: datetime | None) -> None:
        """
        Set when a finished job is deleted; None: never.

        A job that is starred, not finished (any more) or gone ignores it.
        """
        ...

    async def expired_jobs(
        self, *, draft_life_s: float, empty_draft_life_s: float, limit: int
    ) -> Sequence[JobId]:
        """
        List jobs past their `expires_at`, and drafts that nobody has touched for long.

        Args:
            draft_life_s: How long a draft may be untouched, in seconds.
            empty_draft_life_s: The same for one without items.
            limit: The most to list.
        """
        ...

    async def expire_job(
        self, job: JobId, *, draft_life_s: float, empty_draft_life_s: float
    ) -> Sequence[ArtifactId] | None:
        """
        Remove *job* as `delete_job` does, if `expired_jobs` would list it now.

        Returns:
            The artifacts that nothing names any more; None: it is gone already, or somebody has
            starred or touched it since it was listed.
        """
        ...

    async def owners_of_jobs(self, owners: Collection[OwnerId]) -> set[OwnerId]:
        """Tell which of *owners* have a job, drafts included."""
        ...

    async def unreferenced(self, artifacts: Iterable[ArtifactId]) -> set[ArtifactId]:
        """Tell which of *artifacts* no job names, nor what is made of its pictures and results."""
        ...

    async def take_turn(self, duty: str, *, worker: WorkerId, lease_s: float) -> bool:
        """
        Take, or keep, the turn at *duty*: something that one process at a time is enough for.

        Args:
            duty: What it is, in a word.
            worker: Who asks.
            lease_s: How long the turn lasts from now, in seconds, unless it is taken again.

        Returns:
            Whether it is the turn of *worker*; False: another one's has not run out.
        """
        ...

    async def check(self) -> None:
        """
        Write and read, to say whether the store works.

        Raises:
            DatabaseUnavailable: It does not.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        ...
