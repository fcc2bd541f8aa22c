"""The route that tells how well a model matches its photo."""

from fastapi import APIRouter

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import ItemParam, JobParam
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.core.ids import JobId
from image2model.jobs.results.fidelity import find_fidelity
from image2model.ports.dispatcher import ItemRef
from image2model.wire.inspection import FidelityOut

router = APIRouter(prefix="/jobs/{job}/items/{n}", tags=["files"])


@router.get(
    "/fidelity",
    operation_id="getFidelity",
    summary="Ask how well a model matches its photo",
    response_description="The score, and what it means.",
    responses=problems(
        errors.JobNotFound,
        errors.ItemNotFound,
        errors.FileNotInResult,
        errors.ArtifactNotFound,
        errors.ResultExpired,
        errors.FetchRefused,
        errors.FetchBroken,
        errors.ArtifactTooLarge,
        errors.StorageUnavailable,
        errors.InvalidMesh,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
    ),
)
async def get_fidelity(
    job: JobParam, n: ItemParam, context: ContextIn, owner: OwnerIn
) -> FidelityOut:
    """
    Compare the model with the front picture, from where it looks most like it.

    It is computed when it is first asked for, and then also stands in the result's facts as
    `fidelity`. Only what the photo shows is judged: the back may be anything.
    """
    found = await find_fidelity(context, owner, ItemRef(JobId(job), n))
    return FidelityOut(**found.as_json())
