"""Routes that send files: an item's pictures, its result, the model in other formats."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BeforeValidator, Field

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import ItemParam, JobParam, ViewParam
from image2model.api.responses.documented_errors import Responses, problem_body, problems
from image2model.api.responses.files import (
    MEDIA_TYPES,
    Download,
    add_download,
    keep_version,
    picture_download,
    send_artifact,
    send_model,
    send_preview,
    send_result_file,
    thumbnail_download,
)
from image2model.core import errors
from image2model.core.errors import Image2ModelError
from image2model.core.generator import View
from image2model.core.ids import JobId
from image2model.geometry.conversion.request import FORMATS
from image2model.jobs.results import download
from image2model.jobs.results.sprite import SPRITE_NAME, find_sprite
from image2model.jobs.results.thumbnail import THUMBNAIL_NAME, ThumbnailSize, find_thumbnail
from image2model.ports.dispatcher import ItemRef
from image2model.wire.adjust import AdjustIn

Version = Annotated[
    str | None,
    Query(
        max_length=64,
        description="Any word that you change when the item has been made again; with it browsers "
        "keep the answer and do not ask again.",
        examples=["2-5d0c1a7e93b2"],
    ),
]


class ModelIn(AdjustIn):
    """The query of a model's download."""

    through: bool = Field(
        False,
        description="Fetch what only the provider has instead of redirecting there: for pages "
        "that may not read other sites.",
        examples=[False],
    )
    v: str | None = Field(
        None,
        max_length=64,
        description="Any word that you change when the item has been made again; with it browsers "
        "keep the answer and do not ask again.",
        examples=["2-5d0c1a7e93b2"],
    )


router = APIRouter(prefix="/jobs/{job}/items/{n}", tags=["files"])

_PICTURES = ("image/jpeg", "image/png", "image/webp")


def _answers(media_types: Sequence[str], *classes: type[Image2ModelError]) -> Responses:
    schema = {"type": "string", "format": "binary", "description": "The file's bytes."}
    content: dict[str, Any] = {media_type: {"schema": schema} for media_type in media_types}
    return {
        200: {"description": "The file.", "content": content},
        206: {"description": "The part of the file that `Range` asks for.", "content": content},
        304: {"description": "The file is still the one that `If-None-Match` names."},
        416: problem_body(416, {"range_not_satisfiable": "The range lies outside of the file."}),
        **problems(
            errors.JobNotFound,
            errors.ItemNotFound,
            errors.ArtifactNotFound,
            errors.StorageUnavailable,
            *classes,
        ),
    }


def _result_answers(media_types: Sequence[str], *classes: type[Image2ModelError]) -> Responses:
    return {
        307: {"description": "The provider or the storage has the file; `Location` says where."},
        **_answers(
            media_types,
            errors.FileNotInResult,
            errors.ResultExpired,
            errors.FetchRefused,
            *classes,
        ),
    }


async def get_view(
    *,
    job: JobParam,
    n: ItemParam,
    view: ViewParam,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """Return a picture as it was checked and kept: upright, without metadata."""
    ref = ItemRef(JobId(job), n)
    picture = await download.find_picture(context, owner, ref, View(view))
    sent = picture_download(picture, name=f"{n}-{view}")
    return await send_artifact(context, request, picture.artifact, sent)


async def get_thumbnail(
    *,
    job: JobParam,
    n: ItemParam,
    view: ViewParam,
    size_px: Annotated[
        Literal[160, 480],
        BeforeValidator(int),
        Query(description="The most pixels of its longer side.", examples=[160]),
    ] = 480,
    v: Annotated[
        str | None,
        Query(
            max_length=64,
            description="The version, as `thumb_url` has it; with it browsers keep the answer "
            "and do not ask again.",
            examples=["5d0c1a7e93b2f846"],
        ),
    ] = None,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """Return a small rendition of a picture, made when it is first asked for."""
    ref = ItemRef(JobId(job), n)
    size = ThumbnailSize(size_px)
    thumbnail = await find_thumbnail(context, owner, ref, View(view), size_px=size)
    sent = thumbnail_download(thumbnail, asked=v)
    return await send_artifact(context, request, thumbnail.artifact, sent)


async def get_file(
    *,
    job: JobParam,
    n: ItemParam,
    name: Annotated[
        str, Path(description="The file's `name` in the result.", examples=["teapot.glb"])
    ],
    direct: Annotated[
        bool,
        Query(
            description="Answer with where the storage itself has the file (307, for ten minutes), "
            "if it can; the file is then called by its id there, so name it yourself.",
            examples=[False],
        ),
    ] = False,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """Return a file of the result for keeping."""
    file = await download.find_file(context, owner, ItemRef(JobId(job), n), name)
    return await send_result_file(context, request, file, direct=direct)


async def get_model(
    *,
    job: JobParam,
    n: ItemParam,
    format_name: Annotated[
        str,
        Path(
            alias="format",
            description="`glb`, `gltf.zip`, `obj.zip`, `stl`, `ply`, `usdz`, `3mf`, or another "
            "that the provider delivered.",
            examples=["glb"],
        ),
    ],
    asked: Annotated[ModelIn, Query()],
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """
    Return the model, converted if the result does not have that format.

    Of a job with wishes (`formats`, `adjust`) it is as wished, unless the query asks otherwise.
    The first request for a conversion makes it, later ones find it made. What a format does not
    hold and what was given up for your limits stands in the header `Conversion-Notes`, as a JSON
    list of sentences.
    """
    model = await download.find_model(
        context,
        owner,
        ItemRef(JobId(job), n),
        format_name,
        asked=asked.asked(),
    )
    return keep_version(await send_model(context, request, model, through=asked.through), asked.v)


async def get_preview(
    *,
    job: JobParam,
    n: ItemParam,
    v: Version = None,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """Return a picture of the model; one that only its provider has is fetched for you."""
    file = await download.find_preview(context, owner, ItemRef(JobId(job), n))
    return keep_version(await send_preview(context, request, file), v)


async def get_sprite(
    *,
    job: JobParam,
    n: ItemParam,
    v: Version = None,
    request: Request,
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """
    Return the model from all around as one picture of many, for cards that turn.

    The result's fact `sprite` says how many `views` there are, in how many `columns`, and that
    each is `size_px` square. They lie in rows from the top left; the first is the front, then the
    camera walks to the right in equal steps. It is drawn when it is first asked for.
    """
    artifact = await find_sprite(context, owner, ItemRef(JobId(job), n))
    sent = Download(name=SPRITE_NAME, media_type="image/webp", etag=artifact, inline=True)
    return keep_version(await send_artifact(context, request, artifact, sent), v)


add_download(
    router,
    "/views/{view}",
    get_view,
    operation_id="getView",
    summary="Look at a picture of an item",
    responses=_answers(_PICTURES, errors.ViewNotFound),
)
add_download(
    router,
    f"/views/{{view}}/{THUMBNAIL_NAME}",
    get_thumbnail,
    operation_id="getThumbnail",
    summary="Look at a picture of an item, small",
    responses=_answers(
        ["image/webp"],
        errors.ViewNotFound,
        errors.StorageFull,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
    ),
)
add_download(
    router,
    "/files/{name}",
    get_file,
    operation_id="getFile",
    summary="Download a file of a result",
    responses=_result_answers([*MEDIA_TYPES.values(), "application/octet-stream"]),
)
add_download(
    router,
    "/model.{format}",
    get_model,
    operation_id="getModel",
    summary="Download a model in the format you need",
    responses=_result_answers(
        sorted({MEDIA_TYPES[name] for name in FORMATS}),
        errors.FormatUnsupported,
        errors.InvalidRequest,
        errors.FetchBroken,
        errors.ArtifactTooLarge,
        errors.InvalidMesh,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
    ),
)
add_download(
    router,
    "/preview.webp",
    get_preview,
    operation_id="getPreview",
    summary="Look at a model",
    responses=_answers(
        _PICTURES,
        errors.FileNotInResult,
        errors.ResultExpired,
        errors.FetchRefused,
        errors.FetchBroken,
        errors.ArtifactTooLarge,
        errors.ProviderResultInvalid,
    ),
)
add_download(
    router,
    "/sprite.webp",
    get_sprite,
    operation_id="getSprite",
    summary="Look at a model from all around",
    responses=_answers(
        ["image/webp"],
        errors.FileNotInResult,
        errors.ResultExpired,
        errors.FetchRefused,
        errors.FetchBroken,
        errors.ArtifactTooLarge,
        errors.StorageFull,
        errors.InvalidMesh,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
    ),
)
