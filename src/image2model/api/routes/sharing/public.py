"""Routes for whoever was given a link: the token in the path is all they need and have."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import ItemParam, ViewParam
from image2model.api.responses.documented_errors import Responses, problem_body, problems
from image2model.api.responses.files import (
    Download,
    add_download,
    picture_download,
    send_artifact,
    send_model,
    send_preview,
    send_result_file,
)
from image2model.api.routes.results.archive import send_archive
from image2model.api.routes.results.files import ModelIn
from image2model.api.serializers.jobs import shared_out
from image2model.core import errors
from image2model.core.generator import View
from image2model.jobs.archives.send import shared_archive
from image2model.jobs.lifecycle.sharing import open_shared_link, shared_item
from image2model.jobs.results import download
from image2model.jobs.results.sprite import SPRITE_NAME, find_sprite
from image2model.ports.dispatcher import ItemRef
from image2model.ports.shares import SharedLink
from image2model.wire.shares import EXAMPLE_TOKEN, SharedOut

Token = Annotated[
    str,
    Path(
        max_length=100,
        description="The link's token.",
        examples=[EXAMPLE_TOKEN],
    ),
]

router = APIRouter(prefix="/shared/{token}", tags=["shares"])


async def _find_item(token: Token, n: ItemParam, context: ContextIn) -> tuple[SharedLink, ItemRef]:
    return await shared_item(context, token, n)


SharedItemIn = Annotated[tuple[SharedLink, ItemRef], Depends(_find_item)]


@router.get(
    "",
    operation_id="openShare",
    summary="See what was shared with you",
    response_description="What is shared.",
    responses=problems(errors.SharedLinkNotFound),
)
async def open_share(token: Token, context: ContextIn) -> SharedOut:
    """Return the names, models and facts of what is shared."""
    link, job = await open_shared_link(context, token)
    return shared_out(link, job, token=token)


async def get_shared_view(
    *, found: SharedItemIn, view: ViewParam, request: Request, context: ContextIn
) -> Response:
    """Return a picture, if its owner shares pictures."""
    link, ref = found
    if not link.pictures:
        raise errors.ViewNotFound(job=ref.job, index=ref.index, view=view)
    picture = await download.find_picture(context, link.owner, ref, View(view))
    sent = picture_download(picture, name=f"{ref.index}-{view}")
    return await send_artifact(context, request, picture.artifact, sent)


async def get_shared_file(
    *,
    found: SharedItemIn,
    name: Annotated[str, Path(description="The file's `name`.", examples=["teapot.glb"])],
    request: Request,
    context: ContextIn,
) -> Response:
    """Return a file for keeping."""
    link, ref = found
    file = await download.find_file(context, link.owner, ref, name)
    return await send_result_file(context, request, file)


async def get_shared_model(
    *,
    found: SharedItemIn,
    format_name: Annotated[
        str,
        Path(alias="format", description="`glb`, `stl` or another.", examples=["glb"]),
    ],
    asked: Annotated[ModelIn, Query()],
    request: Request,
    context: ContextIn,
) -> Response:
    """Return the model in the format you need, converted if need be."""
    link, ref = found
    wanted = asked.asked()
    model = await download.find_model(context, link.owner, ref, format_name, asked=wanted)
    return await send_model(context, request, model, through=asked.through)


async def get_shared_preview(
    *, found: SharedItemIn, request: Request, context: ContextIn
) -> Response:
    """Return a picture of the model."""
    link, ref = found
    return await send_preview(
        context, request, await download.find_preview(context, link.owner, ref)
    )


async def get_shared_sprite(
    *, found: SharedItemIn, request: Request, context: ContextIn
) -> Response:
    """Return the model from all around as one picture of many."""
    link, ref = found
    artifact = await find_sprite(context, link.owner, ref)
    sent = Download(name=SPRITE_NAME, media_type="image/webp", etag=artifact, inline=True)
    return await send_artifact(context, request, artifact, sent)


async def get_shared_archive(*, token: Token, request: Request, context: ContextIn) -> Response:
    """Return all that is shared as one ZIP file, with a manifest that names no cost."""
    link, job = await open_shared_link(context, token)
    return send_archive(request, await shared_archive(context, job, pictures=link.pictures))


_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Responses = {
    200: {"description": "The file.", "content": _BYTES},
    206: {"description": "The part of the file that `Range` asks for.", "content": _BYTES},
    304: {"description": "The file is still the one that `If-None-Match` names."},
    307: {"description": "The provider has the file; `Location` says where."},
    416: problem_body(416, {"range_not_satisfiable": "The range lies outside of the file."}),
    **problems(
        errors.SharedLinkNotFound,
        errors.ItemNotFound,
        errors.ViewNotFound,
        errors.FileNotInResult,
        errors.ArtifactNotFound,
        errors.StorageUnavailable,
        errors.StorageFull,
        errors.ResultExpired,
        errors.FetchRefused,
        errors.FetchBroken,
        errors.ArtifactTooLarge,
        errors.ProviderResultInvalid,
        errors.FormatUnsupported,
        errors.InvalidMesh,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
    ),
}

_ITEM = "/items/{n}"
add_download(
    router,
    f"{_ITEM}/views/{{view}}",
    get_shared_view,
    operation_id="getSharedView",
    summary="Look at a picture that was shared with you",
    responses=_ANSWERS,
)
add_download(
    router,
    f"{_ITEM}/files/{{name}}",
    get_shared_file,
    operation_id="getSharedFile",
    summary="Download a file that was shared with you",
    responses=_ANSWERS,
)
add_download(
    router,
    f"{_ITEM}/model.{{format}}",
    get_shared_model,
    operation_id="getSharedModel",
    summary="Download a model that was shared with you, in the format you need",
    responses=_ANSWERS,
)
add_download(
    router,
    f"{_ITEM}/preview.webp",
    get_shared_preview,
    operation_id="getSharedPreview",
    summary="Look at a model that was shared with you",
    responses=_ANSWERS,
)
add_download(
    router,
    f"{_ITEM}/{SPRITE_NAME}",
    get_shared_sprite,
    operation_id="getSharedSprite",
    summary="Look at a model that was shared with you, from all around",
    responses=_ANSWERS,
)
add_download(
    router,
    "/archive.zip",
    get_shared_archive,
    operation_id="getSharedArchive",
    summary="Download all that was shared with you as one ZIP file",
    responses=_ANSWERS,
)
