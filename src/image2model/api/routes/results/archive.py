"""The route that sends all of a job as one ZIP file."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import JobParam
from image2model.api.responses.documented_errors import Responses, problem_body, problems
from image2model.api.responses.files import Download, add_download, content_disposition, send_parts
from image2model.core import errors
from image2model.core.file_template import DEFAULT_TEMPLATE, FIELDS
from image2model.core.ids import JobId
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import Archive, open_archive
from image2model.wire.adjust import AdjustIn

router = APIRouter(prefix="/jobs/{job}", tags=["files"])

_MEDIA_TYPE = "application/zip"
_MOST_FORMATS = 10
_MOST_CHARACTERS = 200


def _answers() -> Responses:
    schema = {"type": "string", "format": "binary", "description": "The archive's bytes."}
    content: dict[str, Any] = {_MEDIA_TYPE: {"schema": schema}}
    return {
        200: {"description": "The archive.", "content": content},
        206: {"description": "The part of it that `Range` asks for.", "content": content},
        304: {"description": "It is still the one that `If-None-Match` names."},
        416: problem_body(416, {"range_not_satisfiable": "The range lies outside of it."}),
        **problems(
            errors.JobNotFound,
            errors.FormatUnsupported,
            errors.InvalidRequest,
            errors.StorageUnavailable,
        ),
    }


class ArchiveQuery(AdjustIn):
    """What is to be in an archive, and what its models shall be adjusted to."""

    format: list[str] = Field(
        default_factory=list,
        max_length=_MOST_FORMATS,
        description="A format of the models; may be repeated. Left out: those wished of the job, "
        "or as delivered.",
        examples=[["glb", "stl"]],
    )
    formats: str = Field(
        "",
        max_length=_MOST_CHARACTERS,
        description="The same as one text, with commas between.",
        examples=["glb,stl"],
    )
    template: str = Field(
        DEFAULT_TEMPLATE,
        description="What the files are called; `/` makes folders. Fields: "
        + "; ".join(f"`{{{name}}}`: {meaning}" for name, meaning in FIELDS.items())
        + ".",
        examples=["{name}/{name}_{generator}.{ext}"],
    )
    previews: bool = Field(True, description="Add pictures of the models.", examples=[True])
    pictures: bool = Field(
        False, description="Add the pictures they were made of.", examples=[False]
    )
    scores: bool = Field(
        False,
        description="Compare models with their photos first, where nobody has yet; the manifests "
        "then have every score.",
        examples=[True],
    )

    def all_formats(self) -> list[str]:
        """List the formats asked for, either way."""
        names = [name for text in (*self.format, self.formats) for name in text.split(",")]
        return [name.strip().lower() for name in names if name.strip()]


async def get_archive(
    *,
    job: JobParam,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
    query: Annotated[ArchiveQuery, Query()],
) -> Response:
    """
    Return all that the job has made so far, with `manifest.csv` and `manifest.json`.

    It is written while it is sent. Where no model must be converted any more or fetched from its
    provider, the answer has a length and an `ETag`, and a broken download goes on where it stopped
    (`Range`); else it says `Accept-Ranges: none`. Items that failed, and files that could not be
    had, are listed in the manifests with the reason, and so is what was given up for your limits.
    """
    wanted = ArchiveRequest(
        formats=query.all_formats(),
        adjust=query.asked(),
        template=query.template,
        previews=query.previews,
        pictures=query.pictures,
        scores=query.scores,
    )
    return send_archive(request, await open_archive(context, owner, JobId(job), wanted))


def send_archive(request: Request, archive: Archive) -> Response:
    """Send *archive*, or the part of it that is asked for."""
    if archive.size_bytes is not None and archive.etag is not None:
        download = Download(
            name=archive.name,
            media_type=_MEDIA_TYPE,
            etag=archive.etag,
            cache_control="private, no-cache",
        )

        return send_parts(
            request,
            download,
            archive.size_bytes,
            lambda start, length: archive.read(start=start, length=length),
        )
    headers = {
        "Content-Disposition": content_disposition(archive.name, inline=False),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
        "Accept-Ranges": "none",
    }
    if request.method == "HEAD":
        return Response(media_type=_MEDIA_TYPE, headers=headers)
    return StreamingResponse(archive.read(), media_type=_MEDIA_TYPE, headers=headers)


add_download(
    router,
    "/archive.zip",
    get_archive,
    operation_id="getArchive",
    summary="Download all of a job as one ZIP file",
    responses=_answers(),
)
