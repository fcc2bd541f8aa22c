"""Take a job in: all at once, or as a draft that is filled and then started."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from image2model.core.errors import (
    FormatUnsupported,
    InvalidRequest,
    JsonValue,
    NoPictures,
    QuotaExceeded,
    TooManyItems,
    TooManyJobs,
    WrongState,
)
from image2model.core.generator import GeneratorCard, GeneratorId, Options, View
from image2model.core.ids import JobId, OwnerId, new_hex_id
from image2model.core.job import Item, Job, KeepPolicy, Picture, Problem
from image2model.core.madekey import made_key
from image2model.core.output import Output
from image2model.core.states import ItemState, JobState
from image2model.core.text.names import clean_name, unique_name
from image2model.core.values.hashing import hash_of
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.jobs.access import owned_job
from image2model.jobs.catalogue import check_views, fill_options
from image2model.jobs.context import Context
from image2model.jobs.intake.quotas import check_counts, check_room
from image2model.jobs.results.finalize import fit_taken_over
from image2model.jobs.spending.purchase import Wanted, find_buyer
from image2model.jobs.storage.discard import discard_artifacts
from image2model.jobs.webhooks.manage import add_named
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import DraftTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """
    What a caller asks for, besides the pictures.

    Attributes:
        name: For people; "": made from the first item's name.
        generator: None: the default one.
        options: As given; defaults are filled in.
        output: What the models shall come as.
        keep: None: as the operator set it.
        budget_usd: The most the job may cost, in US dollars; None: no limit.
        idempotency_key: The same key again returns the same job; None: always a new one.
        reuse: Take over results that this owner already has of the same pictures and settings.
        webhook_url: Where the job's events are told beside the owner's webhooks; None: nowhere.
    """

    name: str = ""
    generator: GeneratorId | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    output: Output = field(default_factory=Output)
    keep: KeepPolicy | None = None
    budget_usd: Decimal | None = None
    idempotency_key: str | None = None
    reuse: bool = False
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """
    One object to make.

    Attributes:
        name: For people; made unique within the job.
        pictures: Its views; empty where the only picture was refused.
        problem: Why its picture was refused; the item fails with it at once.
        files: What the files of its pictures were called.
        metadata: What a person says of the object.
    """

    name: str
    pictures: Sequence[Picture] = ()
    problem: Problem | None = None
    files: Sequence[str] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


async def submit_job(
    context: Context, owner: OwnerId, request: JobRequest, new_items: Sequence[NewItem]
) -> Job:
    """
    Take in a whole job and send its items on their way.

    An item whose picture was refused fails at once; the others go on. On any error the pictures
    given are removed again.

    Returns:
        The job with its items; an earlier one for a repeated idempotency key.

    Raises:
        NoPictures: There is no item.
        TooManyItems: More than `Rules.items_per_job`.
        TooManyJobs, QuotaExceeded: The owner has too many unfinished jobs or items, or no room.
        TooManyWebhooks: The owner has too many webhooks.
        GeneratorNotFound, InvalidOptions, InvalidViews: The request does not fit a generator.
        GeneratorNotAllowed, PriceUnknown, PaymentNotAllowed: The owner may not buy it.
        FormatUnsupported, InvalidRequest: What is wished for cannot be made.
        IdempotencyKeyReused: The key was used for another request.
        AlreadyRunning: With `reuse`: the same is being made in other jobs of the owner.
    """
    pictures = [picture.artifact for item in new_items for picture in item.pictures]
    try:
        async with context.intake_pools.turn(owner):
            job = await _plan_job(context, owner, request, new_items)
            stored = await context.store.add_job(job, reuse=request.reuse)
    except BaseException:
        await discard_artifacts(context, pictures)
        raise
    if stored.id != job.id:
        await discard_artifacts(context, pictures)
    if request.reuse and any(item.result for item in stored.items):
        # Also where the same request came before: it may have been killed in the middle of this.
        await fit_taken_over(context, stored)
        stored = await context.store.get_job(stored.id)
    await dispatch_queued(context, stored)
    return stored


async def _plan_job(
    context: Context, owner: OwnerId, request: JobRequest, new_items: Sequence[NewItem]
) -> Job:
    if not new_items:
        raise NoPictures
    if len(new_items) > context.rules.items_per_job:
        raise TooManyItems(limit=context.rules.items_per_job)
    empty = await _plan_draft(context, owner, request, items=len(new_items))
    items = _plan_items(context, empty, new_items)
    await check_purchases(context, empty, items)
    return replace(
        empty,
        name=empty.name or title_of([item.name for item in items]),
        state=JobState.RUNNING,
        fingerprint=_fingerprint(empty, request, items),
        started_at=empty.created_at,
        items=items,
    )


async def _plan_draft(
    context: Context, owner: OwnerId, request: JobRequest, *, drafts: int = 0, items: int = 0
) -> Job:
    key = request.idempotency_key
    await check_new_job(context, owner, idempotency_key=key, drafts=drafts, items=items)
    await context.reserve.check()
    card = context.catalogue.card(request.generator or context.catalogue.default)
    (await find_buyer(context, owner)).check_use(card)
    options = fill_options(card, request.options)
    check_output(card, request.output)
    if request.webhook_url is not None:
        await add_named(context, owner, request.webhook_url)
    keep = request.keep or context.rules.keep
    draft = Job(
        id=JobId(new_hex_id()),
        owner=owner,
        name=clean_name(request.name, fallback=""),
        state=JobState.DRAFT,
        generator=card.id,
        options=options,
        output=request.output,
        keep=keep,
        life_s=context.rules.life_s(keep),
        budget_usd=request.budget_usd,
        idempotency_key=request.idempotency_key,
        webhook_url=request.webhook_url,
        created_at=context.clock.now(),
    )
    return replace(draft, fingerprint=_fingerprint(draft, request, ()))


async def check_purchases(context: Context, job: Job, items: Iterable[Item]) -> None:
    """
    Insist that the owner of *job* may have *items* of it made now; one that failed is not made.

    Raises:
        GeneratorNotAllowed, PriceUnknown, PaymentNotAllowed: They may not.
    """
    buyer = await find_buyer(context, job.owner)
    card = context.catalogue.card(job.generator)
    for item in items:
        if item.pictures:
            pictures = len(item.pictures)
            buyer.check_purchase(Wanted(card=card, options=job.options, pictures=pictures))


def _plan_items(context: Context, job: Job, new_items: Sequence[NewItem]) -> list[Item]:
    card = context.catalogue.card(job.generator)
    items: list[Item] = []
    taken: set[str] = set()
    for index, new in enumerate(new_items):
        if new.problem is None:
            check_views(card, [picture.view for picture in new.pictures], item=index)
        name = unique_name(new.name, taken)
        taken.add(name)
        items.append(
            Item(
                job=job.id,
                index=index,
                name=name,
                state=ItemState.FAILED if new.problem else ItemState.QUEUED,
                pictures=sort_views(new.pictures),
                made_key=made_key(job.generator, job.options, new.pictures),
                metadata=new.metadata,
                problem=new.problem,
            )
        )
    return items


def _fingerprint(job: Job, request: JobRequest, items: Sequence[Item]) -> str:
    return hash_of(
        {
            "generator": job.generator,
            "options": dict(job.options),
            "output": [list(request.output.formats), dict(request.output.adjust)],
            "name": request.name,
            "keep": request.keep,
            "budget": str(request.budget_usd),
            "reuse": request.reuse,
            "webhook_url": request.webhook_url,
            "items": [
                [
                    item.name,
                    item.made_key,
                    [item.problem.code, item.problem.message] if item.problem else None,
                    *([dict(item.metadata)] if item.metadata else []),
                ]
                for item in items
            ],
        }
    )


def check_output(card: GeneratorCard, output: Output) -> None:
    """
    Check wishes before anything is made.

    Raises:
        FormatUnsupported: A format can neither be had of *card* nor made.
        InvalidRequest: The models cannot be adjusted so.
    """
    for name in (*output.formats, FORMATS[0]):
        if name in FORMATS:
            Conversion(format=name, **output.adjust)
        elif name not in card.output_formats:
            raise FormatUnsupported(format_name=name, supported=FORMATS)


def sort_views(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Put *pictures* in the order of `View`: the front first."""
    order = list(View)
    return tuple(sorted(pictures, key=lambda picture: order.index(picture.view)))


def title_of(names: Sequence[str]) -> str:
    """Name a job after its items."""
    if not names:
        return "Untitled"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


async def create_draft(context: Context, owner: OwnerId, request: JobRequest) -> Job:
    """
    Make an empty draft; pictures are put into it one by one, then it is started.

    Raises:
        TooManyJobs, QuotaExceeded: The owner has too many unfinished jobs or drafts, or no room.
        GeneratorNotFound, InvalidOptions: The request does not fit a generator.
        GeneratorNotAllowed: The owner may not use it.
        IdempotencyKeyReused: The key was used for another request.
    """
    async with context.intake_pools.turn(owner):
        return await context.store.add_job(await _plan_draft(context, owner, request, drafts=1))


async def put_picture(
    context: Context, owner: OwnerId, ref: ItemRef, picture: Picture, *, name: str | None
) -> Job:
    """
    Put *picture* into a draft, replacing an earlier one of the same view.

    On any error the picture is removed again.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is no draft any more.
        TooManyItems: The index is beyond `Rules.items_per_job`.
    """
    try:
        await owned_job(context, owner, ref.job)
        replaced = await context.store.put_picture(
            ref, picture, name=name, item_limit=context.rules.items_per_job
        )
    except BaseException:
        await discard_artifacts(context, [picture.artifact])
        raise
    await discard_artifacts(context, replaced)
    await context.announce(ref.job)
    return await context.store.get_job(ref.job)


async def remove_item(context: Context, owner: OwnerId, ref: ItemRef) -> Job:
    """
    Take an item out of a draft; later ones move up.

    Raises:
        JobNotFound, ItemNotFound: It is not there, or not this owner's.
        WrongState: The job is no draft.
    """
    await owned_job(context, owner, ref.job)
    await discard_artifacts(context, await context.store.remove_item(ref))
    await context.announce(ref.job)
    return await context.store.get_job(ref.job)


async def move_item(context: Context, owner: OwnerId, ref: ItemRef, *, to: int) -> Job:
    """
    Put an item of a draft at another place.

    Raises:
        JobNotFound, ItemNotFound: It, or the place, is not there, or not this owner's.
        WrongState: The job is no draft.
    """
    await owned_job(context, owner, ref.job)
    await context.store.move_item(ref, to=to)
    await context.announce(ref.job)
    return await context.store.get_job(ref.job)


async def start_draft(context: Context, owner: OwnerId, job_id: JobId) -> Job:
    """
    Start a draft; starting one that was started already returns it as it is.

    Raises:
        JobNotFound: The owner has no such job.
        NoPictures: It has no items.
        InvalidRequest: Items are missing in the middle.
        InvalidViews: An item's pictures do not fit the generator.
        GeneratorNotAllowed, PriceUnknown, PaymentNotAllowed: The owner may not buy it.
        WrongState: It changed at the same moment; ask again.
        QuotaExceeded: The owner has too many unfinished items, or no room for results.
    """
    draft = await owned_job(context, owner, job_id)
    if draft.state is not JobState.DRAFT:
        return draft
    if not draft.items:
        raise NoPictures
    await context.reserve.check()
    missing = sorted(set(range(draft.items[-1].index)) - {item.index for item in draft.items})
    if missing:
        raise InvalidRequest(field="items", reason=f"has no pictures yet for items {missing}.")
    card = context.catalogue.card(draft.generator)
    for item in draft.items:
        check_views(card, [picture.view for picture in item.pictures], item=item.index)
    await check_purchases(context, draft, draft.items)
    async with context.intake_pools.turn(owner):
        await check_room(context, owner)
        await check_counts(context, owner, items=len(draft.items))
        started = await context.store.start_job(_started(context, draft))
    await context.announce(job_id)
    await dispatch_queued(context, started)
    return started


def _started(context: Context, draft: Job) -> Job:
    items = [
        replace(
            item,
            pictures=sort_views(item.pictures),
            made_key=made_key(draft.generator, draft.options, item.pictures),
        )
        for item in draft.items
    ]
    return replace(
        draft,
        name=draft.name or title_of([item.name for item in items]),
        state=JobState.RUNNING,
        started_at=context.clock.now(),
        items=items,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftChange:
    """
    What to change of a draft.

    Attributes:
        generator: None: the one it has.
        options: None: those it has, or the defaults when the generator changes.
        keep: What happens to results; None: as it is.
        budget_usd: The most it may cost, in US dollars; 0: no limit; None: as it is.
        formats: The formats of the models; None: as they are.
        adjust: What else to adjust the models to; None: as it is.
    """

    generator: GeneratorId | None = None
    options: Options | None = None
    keep: KeepPolicy | None = None
    budget_usd: Decimal | None = None
    formats: Sequence[str] | None = None
    adjust: Mapping[str, JsonValue] | None = None


async def change_draft(context: Context, owner: OwnerId, job_id: JobId, change: DraftChange) -> Job:
    """
    Choose another generator, other options or other terms for a draft.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is no draft.
        GeneratorNotFound, InvalidOptions: They do not fit.
        GeneratorNotAllowed: The owner may not use it.
        FormatUnsupported, InvalidRequest: The wishes cannot be met by any model.
    """
    draft = await owned_job(context, owner, job_id)
    if draft.state is not JobState.DRAFT:
        raise WrongState(what=f"Job {job_id}", state=draft.state, allowed=[JobState.DRAFT])
    card = context.catalogue.card(change.generator or draft.generator)
    (await find_buyer(context, owner)).check_use(card)
    given = change.options if change.options is not None else {}
    if change.options is None and card.id == draft.generator:
        given = draft.options
    keep = change.keep or draft.keep
    output = Output(
        formats=draft.output.formats
        if change.formats is None
        else tuple(dict.fromkeys(change.formats)),
        adjust=draft.output.adjust if change.adjust is None else change.adjust,
    )
    check_output(card, output)
    terms = DraftTerms(
        generator=card.id,
        options=fill_options(card, given),
        output=output,
        keep=keep,
        life_s=context.rules.life_s(keep),
        budget_usd=draft.budget_usd if change.budget_usd is None else change.budget_usd or None,
    )
    await context.store.change_draft(job_id, terms)
    await context.announce(job_id)
    return await context.store.get_job(job_id)


async def dispatch_queued(context: Context, job: Job) -> None:
    """Send every item of *job* that waits to whoever runs its generator's items."""
    refs = [ItemRef(job.id, i.index) for i in job.items if i.state is ItemState.QUEUED]
    if refs and job.state is JobState.RUNNING:
        card = context.catalogue.card(job.generator)
        await context.dispatcher.dispatch(refs, owner=job.owner, runs_on=card.runs_on)


async def check_new_job(
    context: Context,
    owner: OwnerId,
    *,
    idempotency_key: str | None,
    drafts: int = 0,
    items: int = 0,
) -> None:
    """
    Check that *owner* may have one more job, before anything is received for it.

    Args:
        context: The ports.
        owner: Who asks.
        idempotency_key: That of the request; a repeated one adds no job and may always come.
        drafts: 1 where it is a draft.
        items: How many items it has; 0: nobody knows yet.

    Raises:
        TooManyJobs, QuotaExceeded: The owner has too many unfinished ones, or no room.
    """
    limit = context.rules.unfinished_jobs_per_owner
    try:
        if await context.store.count_unfinished(owner) >= limit:
            raise TooManyJobs(limit=limit)
        await check_room(context, owner)
        await check_counts(context, owner, drafts=drafts, items=items)
    except (TooManyJobs, QuotaExceeded):
        if idempotency_key is None or not await context.store.has_key(owner, idempotency_key):
            raise
