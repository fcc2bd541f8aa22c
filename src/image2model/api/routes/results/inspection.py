"""The route that tells all about a model, and whether it prints."""

from typing import Annotated

from fastapi import APIRouter, Query

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import ItemParam, JobParam
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.core.ids import JobId
from image2model.jobs.results.report import report_item
from image2model.ports.dispatcher import ItemRef
from image2model.wire.inspection import InspectionOut

router = APIRouter(prefix="/jobs/{job}/items/{n}", tags=["files"])


@router.get(
    "/inspect",
    operation_id="inspectModel",
    summary="Ask what a model holds and whether it prints",
    response_description="What it holds and whether it prints.",
    responses=problems(
        errors.JobNotFound,
        errors.ItemNotFound,
        errors.FileNotInResult,
        errors.ResultExpired,
        errors.FetchRefused,
        errors.FetchBroken,
        errors.ArtifactTooLarge,
        errors.StorageUnavailable,
        errors.FormatUnsupported,
        errors.InvalidMesh,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
    ),
)
async def inspect_model(
    *,
    job: JobParam,
    n: ItemParam,
    printer_min_mm: Annotated[
        float,
        Query(
            ge=0.01,
            le=100.0,
            description="The thinnest wall your printer makes, in millimetres.",
            examples=[0.8],
        ),
    ] = 0.8,
    context: ContextIn,
    owner: OwnerIn,
) -> InspectionOut:
    """
    Return faces, size, materials, textures with their sizes, texels per millimetre, and `print`.

    `print.verdict` is `ready`, `repairable` (tried: `repair=true` on the download makes a closed
    solid of it) or `not`; `print.reasons` says why in plain words.
    """
    ref = ItemRef(JobId(job), n)
    told = await report_item(context, owner, ref, printer_min_mm=printer_min_mm)
    return InspectionOut.model_validate(told)
