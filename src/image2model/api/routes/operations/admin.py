"""Routes for operators: everybody's jobs, the stop of all spending, storage, and the audit log."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import (
    Cursor,
    EntriesLimit,
    JobParam,
    JobsLimit,
    NamePart,
    Since,
    StateParam,
    Until,
)
from image2model.api.responses.documented_errors import problem_body, problems
from image2model.api.responses.files import send_lines
from image2model.api.serializers.admin import (
    audit_entry_out,
    overview_out,
    owned_job,
    purge_out,
    stop_out,
)
from image2model.core import errors
from image2model.core.audit import AuditAction, current_actor
from image2model.core.ids import JobId, OwnerId
from image2model.core.states import JobState
from image2model.jobs.auditing import read_audit
from image2model.jobs.context import Context
from image2model.jobs.lifecycle import admin, watch
from image2model.jobs.lifecycle.purge import Purgeable, find_purge, purge
from image2model.jobs.spending.stop import allow_spending
from image2model.ports.audit import AuditQuery
from image2model.ports.jobstore import JobQuery
from image2model.wire.admin import (
    ActionName,
    AuditEntryOut,
    AuditList,
    CancelledOut,
    OverviewOut,
    OwnedJob,
    OwnedJobList,
    PurgeIn,
    PurgeOut,
    StopIn,
    StopOut,
    audit_csv_header,
    audit_csv_line,
    audit_json_line,
)

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/admin", tags=["admin"])

_OwnerParam = Annotated[
    str,
    Path(
        max_length=300,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="As the overview and the jobs name it.",
        examples=["key:0badcafe"],
    ),
]
_Action = Annotated[
    ActionName | None, Query(description="Only entries of this kind.", examples=["key_made"])
]
_Actor = Annotated[
    str | None,
    Query(
        max_length=300,
        pattern=r"^[^\x00]*$",
        description="Only what they did.",
        examples=["key:0badcafe"],
    ),
]


@router.get(
    "/overview",
    operation_id="getOverview",
    summary="See how everything stands",
    response_description="The overview.",
    responses=problems(),
)
async def get_overview(context: ContextIn) -> OverviewOut:
    """
    Return health, queue, spending, owners and storage, of everybody together.

    Everything is counted anew, so do not ask more often than every few seconds.
    """
    return overview_out(await admin.read_overview(context))


@router.post(
    "/stop",
    operation_id="stopSpending",
    summary="Stop everything that costs money",
    response_description="What is stopped now.",
    responses=problems(changes=True),
)
async def stop_spending(given: StopIn, context: ContextIn) -> StopOut:
    """
    Have no process send anything that costs money, from when this has answered.

    What waits goes on waiting and loses nothing. What was sent is followed and kept, for it is
    paid for.
    """
    stop = await admin.stop_work(context, reason=given.reason, everything=given.everything)
    # Whoever reads the server's log has not asked, and shall know why nothing is sent.
    _log.error("spending is stopped: %s (%s)", stop.reason, stop.by)
    return stop_out(stop)


@router.post(
    "/go",
    operation_id="allowSpending",
    summary="Let what was stopped go on",
    response_description="It goes on.",
    status_code=204,
    response_class=Response,
    responses=problems(changes=True),
)
async def go(context: ContextIn) -> None:
    """End the stop, whoever or whatever made it; what waits goes on within seconds."""
    await allow_spending(context)
    _log.warning("spending goes on (%s)", current_actor().name)


@router.get(
    "/jobs",
    operation_id="listAllJobs",
    summary="List everybody's jobs",
    response_description="One page of jobs.",
    responses=problems(),
)
async def list_all_jobs(
    *,
    context: ContextIn,
    q: NamePart = "",
    state: StateParam = None,
    owner: Annotated[
        str | None,
        Query(
            max_length=300,
            pattern=r"^[^\x00]*$",
            description="Only this owner's jobs.",
            examples=["key:0badcafe"],
        ),
    ] = None,
    cursor: Cursor = None,
    limit: JobsLimit = 20,
) -> OwnedJobList:
    """Return all owners' jobs, newest first, without their items."""
    query = JobQuery(
        owner=OwnerId(owner) if owner else None,
        text=q,
        state=JobState(state) if state else None,
        after=cursor,
        limit=limit,
    )
    page = await watch.list_jobs(context, query)
    return OwnedJobList(jobs=[owned_job(context, job) for job in page.jobs], next=page.next)


@router.post(
    "/jobs/{job}/cancel",
    operation_id="cancelAnyJob",
    summary="Cancel anybody's job",
    response_description="The job.",
    responses=problems(errors.JobNotFound, changes=True),
)
async def cancel_any_job(job: JobParam, context: ContextIn) -> OwnedJob:
    """Cancel what waits at once, and what is under way as soon as its worker hears."""
    return owned_job(context, await admin.cancel_job(context, JobId(job)))


@router.delete(
    "/jobs/{job}",
    operation_id="deleteAnyJob",
    summary="Delete anybody's job with its pictures and results",
    response_description="It is gone.",
    status_code=204,
    response_class=Response,
    responses=problems(errors.JobNotFound, changes=True),
)
async def delete_any_job(job: JobParam, context: ContextIn) -> None:
    """Delete a job for good; work on it stops."""
    await admin.delete_job(context, JobId(job))


@router.post(
    "/owners/{owner:path}/cancel",
    operation_id="cancelOwner",
    summary="Cancel all jobs of one owner",
    response_description="The jobs.",
    responses={
        **problems(changes=True),
        404: problem_body(404, {"route_not_found": "No owner has such a name."}),
    },
)
async def cancel_owner(owner: _OwnerParam, context: ContextIn) -> CancelledOut:
    """
    Cancel all running and paused jobs of an owner.

    The owner may make new ones; revoke the key to keep them from that.
    """
    return CancelledOut(jobs=list(await admin.cancel_owner(context, OwnerId(owner))))


@router.post(
    "/purge",
    operation_id="purgeStorage",
    summary="Remove now what is over, or see how much that is",
    response_description="How much was removed, or would be.",
    responses=problems(changes=True),
)
async def purge_now(given: PurgeIn, context: ContextIn) -> PurgeOut:
    """Remove what housekeeping would remove in time, and what can be made again."""
    do = find_purge if given.dry_run else purge
    found = await do(context, {Purgeable(name) for name in given.what})
    return purge_out(found, dry_run=given.dry_run)


@router.get(
    "/audit",
    operation_id="listAudit",
    summary="List what changed money or access",
    response_description="One page of the audit log.",
    responses=problems(),
)
async def list_audit(
    *,
    context: ContextIn,
    action: _Action = None,
    actor: _Actor = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: EntriesLimit = 100,
) -> AuditList:
    """Return who changed what about money and access, newest first."""
    query = AuditQuery(
        action=AuditAction(action) if action else None,
        actor=actor,
        since=since,
        until=until,
        after=cursor,
        limit=limit,
    )
    page = await context.audit.list_entries(query)
    return AuditList(entries=[audit_entry_out(entry) for entry in page.entries], next=page.next)


@router.get(
    "/audit.csv",
    operation_id="exportAudit",
    summary="Export the audit log as a table",
    response_class=StreamingResponse,
    response_description="All of it, newest first, with a line that names the columns.",
    responses={
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}, "example": audit_csv_header()}}
        },
        **problems(),
    },
)
async def export_audit(
    *, context: ContextIn, since: Since = None, until: Until = None
) -> StreamingResponse:
    """Return the audit log for spreadsheets (RFC 4180); the details are JSON."""
    query = AuditQuery(since=since, until=until)
    lines = _lines(context, query, audit_csv_line, first=audit_csv_header())
    return send_lines(lines, name="audit.csv", media_type="text/csv; charset=utf-8")


@router.get(
    "/audit.jsonl",
    operation_id="exportAuditLines",
    summary="Export the audit log as lines of JSON",
    response_class=StreamingResponse,
    response_description="All of it, newest first, an object in each line.",
    responses={
        200: {"content": {"application/jsonl": {"schema": {"type": "string"}, "example": "{}"}}},
        **problems(),
    },
)
async def export_audit_lines(
    *, context: ContextIn, since: Since = None, until: Until = None
) -> StreamingResponse:
    """Return the audit log for programs."""
    lines = _lines(context, AuditQuery(since=since, until=until), audit_json_line)
    return send_lines(lines, name="audit.jsonl", media_type="application/jsonl")


async def _lines(
    context: Context,
    query: AuditQuery,
    write: Callable[[AuditEntryOut], str],
    *,
    first: str = "",
) -> AsyncIterator[str]:
    yield first
    async for entry in read_audit(context, query):
        yield write(audit_entry_out(entry))
