"""Routes that fill a draft, picture by picture, and start it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.job_form import read_sheet_part
from image2model.api.requests.params import ItemParam, JobParam, ViewParam
from image2model.api.requests.raw_upload import (
    RAW_BODY,
    SHEET_BODY,
    file_name_in,
    promised_length,
    read_raw,
)
from image2model.api.responses.documented_errors import PICTURE, problems
from image2model.api.serializers.jobs import job_out
from image2model.core import errors
from image2model.core.generator import View
from image2model.core.ids import JobId
from image2model.documents.spreadsheet import SHEET_BYTES
from image2model.jobs.intake import submit
from image2model.jobs.intake.pictures import upload_place
from image2model.jobs.intake.receive import upload_picture
from image2model.jobs.intake.spreadsheet import put_sheet
from image2model.ports.dispatcher import ItemRef
from image2model.wire.items import MoveIn
from image2model.wire.jobs import JobOut

router = APIRouter(prefix="/jobs/{job}", tags=["drafts"])


@router.put(
    "/items/{n}/views/{view}",
    operation_id="uploadView",
    summary="Put a picture into a draft",
    openapi_extra=RAW_BODY,
    response_description="The draft with the picture in it.",
    responses=problems(
        *PICTURE,
        errors.JobNotFound,
        errors.WrongState,
        errors.TooManyItems,
        errors.QuotaExceeded,
        errors.TooManyRequests,
        changes=True,
    ),
)
async def upload_view(
    *,
    job: JobParam,
    n: ItemParam,
    view: ViewParam,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
    name: Annotated[
        str | None,
        Query(
            max_length=500,
            description="The file's name, which names the item; else that of the header "
            "`Content-Disposition` counts.",
            examples=["teapot.png"],
        ),
    ] = None,
) -> JobOut:
    """
    Send one picture as the raw body; the answer comes when it has been checked.

    Items may come in any order and several at once; a new index adds an item, the same view again
    replaces its picture. A picture that cannot be used changes nothing.
    """
    ref = ItemRef(JobId(job), n)
    chunks = read_raw(request, limit_bytes=context.rules.picture_bytes)
    named = name or file_name_in(request)
    async with upload_place(context):
        draft = await upload_picture(
            context,
            owner,
            ref,
            chunks,
            view=View(view),
            file_name=named,
            size_bytes=min(promised_length(request) or 0, context.rules.picture_bytes),
        )
    return job_out(context, draft)


@router.delete(
    "/items/{n}",
    operation_id="removeItem",
    summary="Take an item out of a draft",
    response_description="The draft without the item.",
    responses=problems(errors.JobNotFound, errors.ItemNotFound, errors.WrongState, changes=True),
)
async def remove_item(job: JobParam, n: ItemParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """Remove an item with its pictures; later ones move up by one."""
    return job_out(context, await submit.remove_item(context, owner, ItemRef(JobId(job), n)))


@router.post(
    "/items/{n}/move",
    operation_id="moveItem",
    summary="Put an item of a draft at another place",
    response_description="The draft in its new order.",
    responses=problems(errors.JobNotFound, errors.ItemNotFound, errors.WrongState, changes=True),
)
async def move_item(
    job: JobParam, n: ItemParam, move: MoveIn, context: ContextIn, owner: OwnerIn
) -> JobOut:
    """Put an item at the place of another one; those between move by one."""
    ref = ItemRef(JobId(job), n)
    return job_out(context, await submit.move_item(context, owner, ref, to=move.to))


@router.put(
    "/sheet",
    operation_id="uploadSheet",
    summary="Describe the items of a draft by a spreadsheet",
    openapi_extra=SHEET_BODY,
    response_description="The draft with its items named and described.",
    responses=problems(
        errors.JobNotFound,
        errors.WrongState,
        errors.InvalidSheet,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
        changes=True,
    ),
)
async def upload_sheet(
    job: JobParam, request: Request, context: ContextIn, owner: OwnerIn
) -> JobOut:
    """
    Send a CSV or XLSX file as the raw body, after the pictures that it names.

    It takes the place of an earlier one. What is wrong with it is told by row and column, and
    changes nothing.
    """
    data = await read_sheet_part(read_raw(request, limit_bytes=SHEET_BYTES))
    return job_out(context, await put_sheet(context, owner, JobId(job), data))


@router.post(
    "/start",
    operation_id="startJob",
    summary="Start a draft",
    status_code=202,
    response_description="The job, on its way.",
    responses=problems(
        errors.JobNotFound,
        errors.NoPictures,
        errors.InvalidViews,
        errors.GeneratorNotFound,
        errors.GeneratorNotAllowed,
        errors.PriceUnknown,
        errors.PaymentNotAllowed,
        errors.WrongState,
        errors.QuotaExceeded,
        changes=True,
    ),
)
async def start_job(job: JobParam, context: ContextIn, owner: OwnerIn) -> JobOut:
    """Start a draft whose pictures have come; starting it again changes nothing."""
    return job_out(context, await submit.start_draft(context, owner, JobId(job)))
