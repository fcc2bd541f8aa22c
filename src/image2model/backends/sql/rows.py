"""Turn what the core speaks of into rows, and rows back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, overload

import sqlalchemy as sa

from image2model.core.errors import JsonValue
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey
from image2model.core.job import (
    Attempt,
    Handle,
    Item,
    Job,
    Picture,
    Problem,
    Progress,
    Result,
    ResultFile,
    Submission,
)
from image2model.core.output import Output
from image2model.core.rules import fold_text
from image2model.core.states import ItemState, JobState

Row = sa.Row[*tuple[Any, ...]]
Values = dict[str, Any]

_MICRO = 1_000_000


@overload
def to_seconds(moment: datetime) -> float: ...
@overload
def to_seconds(moment: datetime | None) -> float | None: ...
def to_seconds(moment: datetime | None) -> float | None:
    """Tell *moment* in seconds since 1970."""
    return None if moment is None else moment.timestamp()


@overload
def from_seconds(seconds: float) -> datetime: ...
@overload
def from_seconds(seconds: float | None) -> datetime | None: ...
def from_seconds(seconds: float | None) -> datetime | None:
    """Tell the moment *seconds* after 1970 began."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@overload
def to_micro_usd(usd: Decimal) -> int: ...
@overload
def to_micro_usd(usd: Decimal | None) -> int | None: ...
def to_micro_usd(usd: Decimal | None) -> int | None:
    """Tell *usd* in millionths of a US dollar, rounded."""
    return None if usd is None else round(usd * _MICRO)


@overload
def from_micro_usd(micro_usd: int) -> Decimal: ...
@overload
def from_micro_usd(micro_usd: int | None) -> Decimal | None: ...
def from_micro_usd(micro_usd: int | None) -> Decimal | None:
    """Tell millionths of a US dollar in dollars."""
    return None if micro_usd is None else Decimal(micro_usd) / _MICRO


def job_values(job: Job) -> Values:
    """Make a row of `jobs`; the store adds its own times and version."""
    return {
        "id": job.id,
        "owner": job.owner,
        "state": job.state,
        "starred": job.starred,
        "idempotency_key": job.idempotency_key,
        "webhook_url": job.webhook_url,
        **name_values(job.name),
        **settled_values(job),
    }


def name_values(name: str) -> Values:
    """Give a job's name as it is, and as it is searched."""
    return {"name": name, "folded_name": fold_text(name)}


def settled_values(job: Job) -> Values:
    """Give what is settled when a job starts, besides its name."""
    return {
        "generator": job.generator,
        "options": dict(job.options),
        "output": output_value(job.output),
        "keep": job.keep,
        "life_s": job.life_s,
        "budget_micro_usd": to_micro_usd(job.budget_usd),
        "fingerprint": job.fingerprint,
    }


def job_of(row: Row, counts: Mapping[ItemState, int], items: Sequence[Item] = ()) -> Job:
    """Read a row of `jobs`."""
    return Job(
        id=JobId(row.id),
        owner=OwnerId(row.owner),
        name=row.name,
        state=row.state,
        generator=row.generator,
        options=row.options,
        output=Output(formats=tuple(row.output["formats"]), adjust=row.output["adjust"]),
        keep=row.keep,
        budget_usd=from_micro_usd(row.budget_micro_usd),
        starred=row.starred,
        idempotency_key=row.idempotency_key,
        fingerprint=row.fingerprint,
        webhook_url=row.webhook_url,
        created_at=from_seconds(row.created_at),
        started_at=from_seconds(row.started_at),
        finished_at=from_seconds(row.finished_at),
        life_s=row.life_s,
        expires_at=from_seconds(row.expires_at),
        version=row.version,
        counts=counts,
        items=items,
    )


def output_value(output: Output) -> JsonValue:
    """Give *output* as JSON."""
    return {"formats": list(output.formats), "adjust": dict(output.adjust)}


def end_values(now_s: float, *, life_s: float | None, starred: bool) -> Values:
    """Give the columns of a job that finishes now."""
    expires_at = None if starred else expiry_of(now_s, life_s=life_s)
    return {"state": JobState.FINISHED, "finished_at": now_s, "expires_at": expires_at}


def expiry_of(finished_at: float | None, *, life_s: float | None) -> float | None:
    """Tell when a job that is not starred is deleted; None: never, or it has not finished."""
    return None if finished_at is None or life_s is None else finished_at + life_s


def item_values(item: Item, *, item_id: str) -> Values:
    """Make a row of `items` that nobody has claimed or tried."""
    return {
        "id": item_id,
        "job_id": item.job,
        "place": item.index,
        "name": item.name,
        "state": item.state,
        "made_key": item.made_key,
        "metadata": dict(item.metadata),
        "problem": problem_value(item.problem),
        "facts": None if item.result is None else dict(item.result.facts),
        "cancel_requested": item.cancel_requested,
        "version": item.version,
        "attempts": 0,
        "fence": 0,
        "lease_until": 0.0,
        **progress_values(item.progress),
    }


def item_of(
    row: Row,
    *,
    pictures: Sequence[Picture],
    attempts: Sequence[Attempt],
    files: Sequence[ResultFile],
) -> Item:
    """Read a row of `items`, with what belongs to it."""
    return Item(
        job=JobId(row.job_id),
        index=row.place,
        name=row.name,
        state=row.state,
        pictures=pictures,
        made_key=row.made_key,
        metadata=row.metadata,
        progress=progress_of(row),
        problem=None if row.problem is None else Problem(**row.problem),
        result=None if row.facts is None else Result(files=files, facts=row.facts),
        attempts=attempts,
        cancel_requested=row.cancel_requested,
        version=row.version,
    )


def progress_values(progress: Progress) -> Values:
    """Give the columns that hold *progress*."""
    return {
        "fraction": progress.fraction,
        "phase": progress.phase,
        "queue_position": progress.queue_position,
        "eta_s": progress.eta_s,
    }


def progress_of(row: Row) -> Progress:
    """Read the columns of `items` that hold its progress."""
    return Progress(
        fraction=row.fraction,
        phase=row.phase,
        queue_position=row.queue_position,
        eta_s=row.eta_s,
    )


def problem_value(problem: Problem | None) -> JsonValue:
    """Give *problem* as JSON; None stays None."""
    if problem is None:
        return None
    details = dict(problem.details)
    return {"code": problem.code, "message": problem.message, "details": details}


def picture_values(picture: Picture, *, item_id: str) -> Values:
    """Make a row of `pictures`."""
    return {
        "item_id": item_id,
        "view": picture.view,
        "artifact": picture.artifact,
        "media_type": picture.media_type,
        "size_bytes": picture.size_bytes,
        "sha256": picture.sha256,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "file_name": picture.file_name,
        "said": _said(picture),
    }


def _said(picture: Picture) -> dict[str, JsonValue] | None:
    said: dict[str, JsonValue] = {
        "notes": list(picture.notes),
        "credentials": list(picture.credentials),
        "source_type": picture.source_type,
    }
    return said if any(said.values()) else None


def picture_of(row: Row) -> Picture:
    """Read a row of `pictures`."""
    said = row.said or {}
    return Picture(
        view=row.view,
        artifact=ArtifactId(row.artifact),
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        width_px=row.width_px,
        height_px=row.height_px,
        file_name=row.file_name,
        notes=tuple(said.get("notes", ())),
        credentials=tuple(said.get("credentials", ())),
        source_type=said.get("source_type", ""),
    )


def file_values(file: ResultFile, *, item_id: str, place: int) -> Values:
    """Make a row of `result_files`."""
    return {
        "item_id": item_id,
        "place": place,
        "name": file.name,
        "role": file.role,
        "format": file.format,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "crc32": file.crc32,
        "artifact": file.artifact,
        "provider_url": file.provider_url,
        "expires_at": to_seconds(file.expires_at),
        "made_by": file.made_by,
        "notes": list(file.notes),
    }


def file_of(row: Row) -> ResultFile:
    """Read a row of `result_files`."""
    return ResultFile(
        name=row.name,
        role=row.role,
        format=row.format,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        crc32=row.crc32,
        artifact=row.artifact,
        provider_url=row.provider_url,
        expires_at=from_seconds(row.expires_at),
        made_by=row.made_by,
        notes=tuple(row.notes),
    )


def attempt_values(attempt: Attempt) -> Values:
    """Give the columns of `attempts` that tell of the try itself."""
    handle = attempt.handle
    return {
        "submit_key": attempt.submit_key,
        "number": attempt.number,
        "provider": attempt.provider,
        "state": attempt.state,
        "endpoint": attempt.submission.endpoint,
        "data": dict(attempt.submission.data),
        "request_id": None if handle is None else handle.request_id,
        "handle": None if handle is None else dict(handle.data),
        "submitted_at": to_seconds(attempt.submitted_at),
        "finished_at": to_seconds(attempt.finished_at),
        "estimated_micro_usd": to_micro_usd(attempt.submission.estimated_usd),
        "cost_micro_usd": to_micro_usd(attempt.cost_usd),
    }


def attempt_of(row: Row) -> Attempt:
    """Read a row of `attempts`."""
    return Attempt(
        number=row.number,
        submit_key=SubmitKey(row.submit_key),
        provider=row.provider,
        state=row.state,
        submission=Submission(
            endpoint=row.endpoint,
            data=row.data,
            estimated_usd=from_micro_usd(row.estimated_micro_usd),
        ),
        handle=None
        if row.request_id is None
        else Handle(request_id=row.request_id, data=row.handle),
        submitted_at=from_seconds(row.submitted_at),
        finished_at=from_seconds(row.finished_at),
        cost_usd=from_micro_usd(row.cost_micro_usd),
    )
