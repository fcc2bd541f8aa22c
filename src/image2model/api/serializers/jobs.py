"""Core objects as the JSON of the HTTP API."""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import quote

from image2model.core.errors import GeneratorNotFound
from image2model.core.generator import GeneratorCard, Price, View
from image2model.core.ids import JobId
from image2model.core.job import Attempt, Item, Job, Picture, ResultFile
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.core.webhooks import Delivery, EventType, Webhook
from image2model.documents.spreadsheet import SHEET_BYTES, SheetFile
from image2model.geometry.pictures.types import PictureType
from image2model.jobs.context import Context, Rules
from image2model.jobs.results.progress import job_eta_s, job_fraction
from image2model.jobs.results.thumbnail import THUMBNAIL_NAME, version_of
from image2model.jobs.spending.estimate import Estimate
from image2model.ports.jobstore import LedgerEntry
from image2model.ports.shares import SharedLink
from image2model.wire.generators import EstimateOut, GeneratorOut, PriceOut, SurchargeOut
from image2model.wire.items import (
    AttemptOut,
    ErrorBody,
    FileOut,
    ItemOut,
    ItemProgress,
    PictureView,
    ResultOut,
)
from image2model.wire.jobs import Cost, Counts, JobDelta, JobOut, JobProgress, JobSummary, ListedJob
from image2model.wire.ledger import LedgerEntryOut
from image2model.wire.paths import API_PREFIX
from image2model.wire.shares import SharedFileOut, SharedItemOut, SharedOut, SharedViewOut
from image2model.wire.uploads import LimitsOut, SheetOut, SheetRowOut
from image2model.wire.webhooks import DeliveryOut, WebhookOut, WebhookSecretOut

_COVERS = 4


def job_url(job: JobId) -> str:
    """Tell where *job* can be read, relative to the server."""
    return f"{API_PREFIX}/jobs/{job}"


def item_url(item: Item) -> str:
    """Tell below which path everything of *item* is found."""
    return f"{job_url(item.job)}/items/{item.index}"


def usd_out(usd: Decimal | None) -> float | None:
    """Show an amount that there may not be."""
    return None if usd is None else float(usd)


def job_summary(context: Context, job: Job) -> JobSummary:
    """Show *job*, read with its items, without them."""
    card = _card(context, job)
    fraction = job_fraction(job.items)
    eta_s = job_eta_s(
        job,
        fraction=fraction,
        now=context.clock.now(),
        typical_s=card.typical_s if card else 0.0,
    )
    return JobSummary(
        id=job.id,
        name=job.name,
        state=job.state.value,
        generator=job.generator,
        options=dict(job.options),
        formats=list(job.output.formats),
        adjust=dict(job.output.adjust),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        version=job.version,
        counts=_counts(job),
        progress=JobProgress(fraction=round(fraction, 4), eta_s=_seconds(eta_s)),
        cost=_cost(job, card),
        expires_at=job.expires_at,
        keep=job.keep.value,
        starred=job.starred,
        stored_bytes=_stored_bytes(job),
    )


def listed_job(context: Context, job: Job) -> ListedJob:
    """Show *job*, read with its items, as a line of a list."""
    shown = [item for item in job.items if item.pictures][:_COVERS]
    covers = [_thumb_url(item.pictures[0], item_url(item)) for item in shown]
    return ListedJob(**dict(job_summary(context, job)), covers=covers)


def job_out(context: Context, job: Job) -> JobOut:
    """Show *job* with its items."""
    summary = job_summary(context, job)
    return JobOut(**dict(summary), items=[item_out(item, job=job) for item in job.items])


def job_delta(context: Context, job: Job, *, after: int) -> JobDelta:
    """Show *job*, read with its items, with only those touched after the version *after*."""
    summary = job_summary(context, job)
    changed = changed_items(job, after=after)
    return JobDelta(**dict(summary), items=[item_out(item, job=job) for item in changed])


def changed_items(job: Job, *, after: int) -> list[Item]:
    """
    List the items that a reader of the version *after* must know of.

    Those of a draft are listed all whenever it changed, because some may have been removed.
    """
    if job.state is JobState.DRAFT:
        return list(job.items) if job.version > after else []
    return [item for item in job.items if item.version > after]


def item_out(item: Item, *, job: Job) -> ItemOut:
    """Show one item of *job*."""
    progress, problem, result = item.progress, item.problem, item.result
    url = item_url(item)
    return ItemOut(
        index=item.index,
        name=item.name,
        state=item.state.value,
        views=[_view_out(picture, url) for picture in item.pictures],
        progress=ItemProgress(
            fraction=min(1.0, max(0.0, progress.fraction)),
            phase=progress.phase or _phase_of_waiting(item, job),
            queue_position=progress.queue_position,
            eta_s=_seconds(progress.eta_s),
        ),
        error=ErrorBody(code=problem.code, message=problem.message, details=dict(problem.details))
        if problem
        else None,
        result=ResultOut(
            files=[_file_out(file, url) for file in result.files], facts=dict(result.facts)
        )
        if result
        else None,
        attempts=[_attempt_out(attempt) for attempt in item.attempts],
        metadata=dict(item.metadata),
    )


def _phase_of_waiting(item: Item, job: Job) -> str:
    """Say why nothing happens yet: as many run as may run at once."""
    waits = item.state is ItemState.QUEUED and job.state is JobState.RUNNING
    return "Waiting for a free place" if waits else ""


def generator_out(card: GeneratorCard, *, default: bool, may_pay: bool = True) -> GeneratorOut:
    """Show a generator's card; *default*: jobs that name none use it."""
    return GeneratorOut(
        id=card.id,
        title=card.title,
        summary=card.summary,
        good_for=list(card.good_for),
        poor_for=list(card.poor_for),
        provider=card.provider,
        runs_on=card.runs_on.value,
        default=default,
        required_views=[view.value for view in card.required_views],
        optional_views=[view.value for view in card.optional_views],
        min_views=card.min_views,
        max_views=card.max_views,
        options_schema=dict(card.options_schema),
        price=PriceOut(
            base_usd=float(card.price.base_usd),
            surcharges=[
                SurchargeOut(option=s.option, equals=s.equals, given=s.given, usd=float(s.usd))
                for s in card.price.surcharges
            ],
            more_views_usd=float(card.price.more_views_usd),
            note=card.price.note,
            known=card.price.known,
        ),
        typical_s=card.typical_s,
        output_formats=list(card.output_formats),
        licence=card.licence,
        notes=list(card.notes),
        may_pay=may_pay or not card.price.may_cost,
        missing=card.missing or None,
    )


def shared_url(token: str) -> str:
    """Tell where what is shared by the link of *token* is read, relative to the server."""
    return f"{API_PREFIX}/shared/{token}"


def shared_out(link: SharedLink, job: Job, *, token: str) -> SharedOut:
    """Show what the link of *token* shows of *job*, as `open_shared_link` found them."""
    url = shared_url(token)
    return SharedOut(
        name=job.name,
        state=job.state.value,
        generator=job.generator,
        created_at=job.created_at,
        finished_at=job.finished_at,
        expires_at=link.expires_at,
        items=[_shared_item_out(item, f"{url}/items/{item.index}") for item in job.items],
    )


def _shared_item_out(item: Item, url: str) -> SharedItemOut:
    result = item.result
    return SharedItemOut(
        index=item.index,
        name=item.name,
        state=item.state.value,
        views=[
            SharedViewOut(
                view=picture.view.value,
                url=f"{url}/views/{picture.view}",
                width_px=picture.width_px,
                height_px=picture.height_px,
            )
            for picture in item.pictures
        ],
        files=[
            SharedFileOut(
                name=file.name,
                role=file.role.value,
                format=file.format,
                size_bytes=file.size_bytes,
                url=_file_url(file, url),
            )
            for file in (result.files if result else ())
        ],
        facts=dict(result.facts) if result else {},
        metadata=dict(item.metadata),
    )


def limits_out(rules: Rules, *, may_pay: bool) -> LimitsOut:
    """Show what is taken of a caller who may spend money, or may not."""
    return LimitsOut(
        items_per_job=rules.items_per_job,
        views_per_item=len(View),
        picture_bytes=rules.picture_bytes,
        picture_pixels=rules.picture.max_pixels,
        picture_min_px=rules.picture.min_side_px,
        picture_max_px=rules.picture.max_side_px,
        picture_types=[kind.value for kind in PictureType],
        sheet_bytes=SHEET_BYTES,
        unfinished_jobs=rules.unfinished_jobs_per_owner,
        unfinished_items=rules.bounds.items_per_owner,
        drafts=rules.bounds.drafts_per_owner,
        stored_bytes=rules.bounds.bytes_per_owner,
        derived_bytes=rules.bounds.derived_bytes_per_owner,
        keep=rules.keep.value,
        keep_s=rules.keep_s,
        links_s=rules.links_s,
        may_pay=may_pay,
    )


def sheet_out(sheet: SheetFile) -> SheetOut:
    """Show a spreadsheet as it is understood."""
    return SheetOut(
        rows=[
            SheetRowOut(
                row=row.row,
                picture=row.picture,
                key=row.key,
                name=row.name,
                generator=row.generator,
                metadata=dict(row.metadata),
            )
            for row in sheet.rows
        ],
        title=sheet.title,
        notes=list(sheet.notes),
    )


def estimate_out(estimate: Estimate) -> EstimateOut:
    """Show a forecast."""
    return EstimateOut(
        generator=estimate.card.id,
        options=dict(estimate.options),
        items=estimate.items,
        item_usd=float(estimate.item_usd),
        total_usd=float(estimate.total_usd),
        may_pay=estimate.may_pay,
        typical_s=estimate.card.typical_s,
        note=estimate.card.price.note,
    )


def ledger_entry_out(entry: LedgerEntry) -> LedgerEntryOut:
    """Show a line of the ledger."""
    attempt = entry.attempt
    return LedgerEntryOut(
        time=attempt.submitted_at,
        finished_at=attempt.finished_at,
        job=entry.job,
        item=entry.item_name,
        generator=entry.generator,
        endpoint=attempt.submission.endpoint,
        attempt=attempt.number,
        state=attempt.state.value,
        request_id=attempt.handle.request_id if attempt.handle else None,
        estimated_usd=float(attempt.submission.estimated_usd),
        cost_usd=usd_out(attempt.cost_usd),
    )


def event_types(names: Sequence[str]) -> list[EventType]:
    """Read the names of events."""
    return [EventType(name) for name in names]


def webhook_out(webhook: Webhook) -> WebhookOut:
    """Show a webhook without its secret."""
    return WebhookOut.model_validate(_webhook_fields(webhook))


def webhook_with_secret(webhook: Webhook) -> WebhookSecretOut:
    """Show a webhook with its newest secret."""
    fields = {**_webhook_fields(webhook), "secret": webhook.secrets[0].text}
    return WebhookSecretOut.model_validate(fields)


def _webhook_fields(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": [event.value for event in webhook.events],
        "named_only": webhook.named_only,
        "enabled": webhook.switched_off is None,
        "switched_off": webhook.switched_off.value if webhook.switched_off else None,
        "failing_since": webhook.failing_since,
        "created_at": webhook.created_at,
    }


def delivery_out(delivery: Delivery) -> DeliveryOut:
    """Show what became of an event on its way to a webhook."""
    return DeliveryOut(
        id=delivery.id,
        type=delivery.type.value,
        job=delivery.job,
        item=delivery.item,
        state=delivery.state.value,
        created_at=delivery.created_at,
        tries=delivery.tries,
        tried_at=delivery.tried_at,
        next_at=delivery.next_at,
        status=delivery.status,
        note=delivery.note,
    )


def _card(context: Context, job: Job) -> GeneratorCard | None:
    try:
        return context.catalogue.card(job.generator)
    except GeneratorNotFound:
        return None  # A plug-in was removed since; its jobs can still be looked at.


def _counts(job: Job) -> Counts:
    by_state = {state.value: job.counts.get(state, 0) for state in ItemState}
    return Counts(**by_state, total=job.total)


def _cost(job: Job, card: GeneratorCard | None) -> Cost:
    attempts = [attempt for item in job.items for attempt in item.attempts]
    price = card.price if card is not None else Price()
    estimated_usd = sum(
        (
            _estimated_usd(item, price_usd=price.of(job.options, pictures=len(item.pictures)))
            for item in job.items
        ),
        Decimal(0),
    )
    booked_usd = sum((a.cost_usd for a in attempts if a.cost_usd is not None), Decimal(0))
    return Cost(
        estimated_usd=float(estimated_usd),
        booked_usd=float(booked_usd),
        budget_usd=usd_out(job.budget_usd),
    )


def _estimated_usd(item: Item, *, price_usd: Decimal) -> Decimal:
    """Tell what *item* should cost: what was sent and not refused, and what is still to be."""
    sent = [a.submission.estimated_usd for a in item.attempts if a.cost_usd != 0]
    resumes = bool(item.attempts) and item.attempts[-1].state is AttemptState.ACCEPTED
    waits = item.state is ItemState.QUEUED and not resumes
    return sum(sent, price_usd if waits else Decimal(0))


def _view_out(picture: Picture, url: str) -> PictureView:
    return PictureView(
        view=picture.view.value,
        url=f"{url}/views/{picture.view}",
        thumb_url=_thumb_url(picture, url),
        file_name=picture.file_name,
        width_px=picture.width_px,
        height_px=picture.height_px,
        notes=list(picture.notes),
        credentials=list(picture.credentials),
        source_type=picture.source_type,
    )


def _thumb_url(picture: Picture, url: str) -> str:
    return f"{url}/views/{picture.view}/{THUMBNAIL_NAME}?v={version_of(picture)}"


def _stored_bytes(job: Job) -> int:
    """Tell what *job* takes up here; a file that several items share counts once."""
    pictures = {one.artifact: one.size_bytes for item in job.items for one in item.pictures}
    files = {
        file.artifact: file.size_bytes or 0
        for item in job.items
        for file in (item.result.files if item.result else ())
        if file.artifact is not None
    }
    return sum(pictures.values()) + sum(files.values())


def _file_out(file: ResultFile, url: str) -> FileOut:
    return FileOut(
        name=file.name,
        role=file.role.value,
        format=file.format,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        url=_file_url(file, url),
        provider_url=file.provider_url,
        expires_at=file.expires_at,
        notes=list(file.notes),
    )


def _file_url(file: ResultFile, url: str) -> str:
    return f"{url}/files/{quote(file.name, safe='')}"


def _attempt_out(attempt: Attempt) -> AttemptOut:
    return AttemptOut(
        number=attempt.number,
        state=attempt.state.value,
        request_id=attempt.handle.request_id if attempt.handle else None,
        submitted_at=attempt.submitted_at,
        finished_at=attempt.finished_at,
        estimated_usd=float(attempt.submission.estimated_usd),
        cost_usd=usd_out(attempt.cost_usd),
    )


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
