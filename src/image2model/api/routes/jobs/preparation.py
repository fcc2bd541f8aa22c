"""Routes that help to prepare a job: what is taken, pictures by URL, spreadsheets."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from image2model.api.access.callers import BuyerIn, count_fetch
from image2model.api.dependencies import ContextIn
from image2model.api.requests.job_form import read_sheet_part
from image2model.api.requests.raw_upload import SHEET_BODY, read_raw
from image2model.api.responses.compression import send_json
from image2model.api.responses.documented_errors import PICTURE, problems
from image2model.api.responses.files import content_disposition
from image2model.api.serializers.jobs import limits_out, sheet_out
from image2model.core import errors
from image2model.documents.spreadsheet import SHEET_BYTES
from image2model.jobs.intake.fetch_picture import fetch_picture
from image2model.jobs.intake.spreadsheet import parse_sheet
from image2model.wire.uploads import LimitsOut, PictureUrlIn, SheetOut

router = APIRouter(tags=["drafts"])

_FETCHED = {
    "description": "The picture: checked, upright, without metadata.",
    "content": {
        kind: {"schema": {"type": "string", "format": "binary", "description": "The file's bytes."}}
        for kind in ("image/jpeg", "image/png", "image/webp")
    },
}


@router.get(
    "/limits",
    operation_id="getLimits",
    summary="Tell what is taken",
    response_model=LimitsOut,
    response_description="The limits.",
    responses=problems(),
)
async def get_limits(request: Request, context: ContextIn, buyer: BuyerIn) -> Response:
    """Return how many pictures a job may have, how large, and of which types."""
    return send_json(request, limits_out(context.rules, may_pay=buyer.may_pay))


@router.post(
    "/pictures",
    dependencies=[Depends(count_fetch)],
    operation_id="fetchPicture",
    summary="Fetch a picture from a URL",
    response_class=Response,
    responses={
        200: _FETCHED,
        **problems(
            *PICTURE,
            errors.PictureNotFetched,
            errors.TooManyRequests,
            changes=True,
        ),
    },
)
async def fetch(wanted: PictureUrlIn, context: ContextIn) -> Response:
    """
    Read a picture from a public https URL and send it on, to be put into a draft; nothing is kept.

    Private addresses are not read, wherever they hide: behind names, redirects or other spellings.
    """
    picture = await fetch_picture(context, wanted.url.strip())
    headers = {
        "Content-Disposition": content_disposition(picture.name, inline=False),
        "Content-Length": str(picture.size_bytes),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(picture.chunks, media_type=picture.media_type, headers=headers)


@router.post(
    "/sheet",
    operation_id="readSheet",
    summary="Read a spreadsheet without a job",
    openapi_extra=SHEET_BODY,
    response_description="What it says.",
    responses=problems(
        errors.InvalidSheet, errors.ComputeCrashed, errors.ComputeTimedOut, changes=True
    ),
)
async def read_sheet(request: Request, context: ContextIn) -> SheetOut:
    """
    Send a CSV or XLSX file as the raw body, and see how it is understood; nothing is kept.

    What is wrong with it is told by row and column. Whether its pictures are there is looked at
    when it is put into a job.
    """
    data = await read_sheet_part(read_raw(request, limit_bytes=SHEET_BYTES))
    return sheet_out(await parse_sheet(context, data))
