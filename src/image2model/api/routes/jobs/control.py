"""Routes that stop whole jobs, hold them up, and set them going again."""

from fastapi import APIRouter

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import JobParam
from image2model.api.responses.documented_errors import problems
from image2model.api.serializers.jobs import job_out
from image2model.core import errors
from image2model.core.ids import JobId
from image2model.jobs.lifecycle import control
from image2model.wire.jobs import JobOut

router = APIRouter(prefix="/jobs/{job}", tags=["jobs"])


@router.post(
    "/cancel",
    operation_id="cancelJob",
    summary="Cancel all of a job",
    response_description="The job, cancelled or about to be.",
    responses=problems(errors.JobNotFound, changes=True),
)
async def cancel_job(job: JobParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """Cancel every item that is not final."""
    return job_out(context, await control.cancel_items(context, owner, JobId(job)))


@router.post(
    "/pause",
    operation_id="pauseJob",
    summary="Start no further items",
    response_description="The job, paused.",
    responses=problems(errors.JobNotFound, errors.WrongState, changes=True),
)
async def pause_job(job: JobParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """Start no further items of a job."""
    return job_out(context, await control.pause_job(context, owner, JobId(job)))


@router.post(
    "/resume",
    operation_id="resumeJob",
    summary="Let a paused job go on",
    response_description="The job, running.",
    responses=problems(errors.JobNotFound, errors.WrongState, changes=True),
)
async def resume_job(job: JobParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """Let a paused job go on."""
    return job_out(context, await control.resume_job(context, owner, JobId(job)))


@router.post(
    "/retry",
    operation_id="retryJob",
    summary="Make the failed items again",
    response_description="The job with its failed items queued.",
    responses=problems(
        errors.JobNotFound,
        errors.WrongState,
        errors.GeneratorNotAllowed,
        errors.PriceUnknown,
        errors.PaymentNotAllowed,
        errors.QuotaExceeded,
        changes=True,
    ),
)
async def retry_job(job: JobParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """
    Queue all failed items again.

    Items that were made and paid for are fetched, never made and paid for again.
    """
    return job_out(context, await control.retry_items(context, owner, JobId(job)))
