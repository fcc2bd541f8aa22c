"""Routes about single items of a job that was started."""

from fastapi import APIRouter

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import ItemParam, JobParam
from image2model.api.responses.documented_errors import problems
from image2model.api.serializers.jobs import job_out
from image2model.core import errors
from image2model.core.ids import JobId
from image2model.jobs.lifecycle import control
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Resolution
from image2model.wire.items import ResolveIn
from image2model.wire.jobs import JobOut

router = APIRouter(prefix="/jobs/{job}/items/{n}", tags=["items"])

_PROBLEMS = problems(errors.JobNotFound, errors.ItemNotFound, errors.WrongState, changes=True)
_PROBLEMS_OF_BUYING = problems(
    errors.JobNotFound,
    errors.ItemNotFound,
    errors.WrongState,
    errors.GeneratorNotAllowed,
    errors.PriceUnknown,
    errors.PaymentNotAllowed,
    changes=True,
)


@router.post(
    "/cancel",
    operation_id="cancelItem",
    summary="Cancel one item",
    response_description="The job with the item cancelled, or about to be.",
    responses=_PROBLEMS,
)
async def cancel_item(job: JobParam, n: ItemParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """Cancel an item: at once while it waits, else as soon as its worker hears; again is fine."""
    return job_out(context, await control.cancel_items(context, owner, JobId(job), [n]))


@router.post(
    "/retry",
    operation_id="retryItem",
    summary="Make one item again",
    response_description="The job with the item queued.",
    responses=_PROBLEMS_OF_BUYING,
)
async def retry_item(job: JobParam, n: ItemParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """
    Queue a failed or cancelled item again.

    An item that was made and paid for is fetched, never made and paid for again.
    """
    return job_out(context, await control.retry_items(context, owner, JobId(job), [n]))


@router.post(
    "/resolve",
    operation_id="resolveItem",
    summary="Decide about an uncertain item, or make a lost one again",
    response_description="The job with the item queued or failed.",
    responses=_PROBLEMS_OF_BUYING,
)
async def resolve_item(
    job: JobParam, n: ItemParam, wanted: ResolveIn, context: ContextIn, owner: OwnerIn
) -> JobOut:
    """
    Say what to do with an item of which nobody knows whether its provider accepted it.

    It is uncertain; or its lost answer is still searched for: then it is submitting, and its
    latest attempt is uncertain. An item that failed with `error.details.resubmit_usd` was paid for
    and is lost. It can be submitted again as well, and is paid for again: about as much as that.
    """
    ref, resolution = ItemRef(JobId(job), n), Resolution(wanted.resolution)
    return job_out(context, await control.resolve_item(context, owner, ref, resolution))
