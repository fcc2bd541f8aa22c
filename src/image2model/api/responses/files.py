"""Answers that carry files: whole or in part, with safe names, and only if they are new."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from image2model.api.responses.compression import is_known
from image2model.api.responses.problems import http_problem
from image2model.core.ids import ArtifactId
from image2model.core.job import Picture
from image2model.core.text.clean import harmless_text
from image2model.core.values.hashing import hash_of_text
from image2model.jobs.context import Context
from image2model.jobs.results.convert import drop_derived, made_by, read_derived
from image2model.jobs.results.download import Found, Model, convert_model, read_found, read_preview
from image2model.jobs.results.thumbnail import THUMBNAIL_NAME, Thumbnail

MEDIA_TYPES: Mapping[str, str] = {
    "avif": "image/avif",
    "3mf": "model/3mf",
    "glb": "model/gltf-binary",
    "gltf.zip": "application/zip",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "obj.zip": "application/zip",
    "ply": "model/ply",
    "png": "image/png",
    "stl": "model/stl",
    "usdz": "model/vnd.usdz+zip",
    "webp": "image/webp",
}
NOTES_HEADER = "Conversion-Notes"
"""A JSON list of what was given up or left out, in plain words."""

_DIRECT_S = 600.0
"""How long a download from the storage itself may begin, in seconds."""

_MOST_NOTES = 12
_OTHER = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MAY_CHANGE = "private, no-cache"
"""Pictures of a draft are replaced, and items made again, under the same address; ETags tell."""

_OF_THIS_VERSION = "private, max-age=31536000, immutable"
"""The address names what is behind it, so that no browser ever asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """
    A file about to be sent.

    Attributes:
        name: Its name for the person who keeps it.
        media_type: Its type.
        etag: Changes with its bytes.
        inline: Whether a browser may show it instead of keeping it.
        cache_control: How long a browser may use it without asking.
    """

    name: str
    media_type: str
    etag: str
    inline: bool = False
    cache_control: str = _MAY_CHANGE

    def headers(self) -> dict[str, str]:
        """List the headers of the answer, apart from its length."""
        return {
            "Content-Disposition": content_disposition(self.name, inline=self.inline),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": self.cache_control,
            "ETag": f'"{self.etag}"',
        }


def add_download(
    router: APIRouter, path: str, endpoint: Any, *, operation_id: str, **described: Any
) -> None:
    """Add a route that answers `GET` with a file, and `HEAD` with what is said of it."""
    for method in ("GET", "HEAD"):
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            include_in_schema=method == "GET",
            operation_id=operation_id,
            response_class=Response,
            **described,
        )


def content_disposition(name: str, *, inline: bool) -> str:
    """Name a download so that every browser understands it (RFC 6266)."""
    kind, name = "inline" if inline else "attachment", harmless_text(name)
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{kind}; filename="{plain}"{extended}'


def send_lines(lines: AsyncIterator[str], *, name: str, media_type: str) -> StreamingResponse:
    """Answer with a text that is written while it is sent."""
    headers = {"Content-Disposition": content_disposition(name, inline=False)}
    return StreamingResponse(lines, media_type=media_type, headers=headers)


async def send_result_file(
    context: Context, request: Request, found: Found, *, inline: bool = False, direct: bool = False
) -> Response:
    """
    Answer with a file of a result, or with where its provider has it.

    Args:
        context: The ports.
        request: What is answered.
        found: The file.
        inline: Whether a browser may show it instead of keeping it.
        direct: Whether to answer with where the storage has it, if that can be read without us.
    """
    file = found.file
    if file.artifact is None:
        assert found.offer is not None
        return _elsewhere(found.offer.url)
    if direct and (url := await context.artifacts.direct_url(file.artifact, life_s=_DIRECT_S)):
        return _elsewhere(url)
    download = Download(
        name=file.name,
        media_type=MEDIA_TYPES.get(file.format, _OTHER),
        etag=file.sha256 or file.artifact,
        inline=inline and file.format in {"webp", "png", "jpg", "jpeg", "avif"},
    )
    return await send_artifact(context, request, file.artifact, download)


async def send_preview(context: Context, request: Request, found: Found) -> Response:
    """Answer with a picture that pages show: they may not load it from its provider."""
    if found.offer is None:
        return await send_result_file(context, request, found, inline=True)
    download = Download(
        name=found.file.name,
        media_type=_OTHER,
        etag=_digest(found.offer.url)[:32],
        inline=True,
    )
    if _is_known(request, download):
        return _not_modified(download)
    kind, content = await read_preview(context, found)
    return Response(content, media_type=kind, headers=download.headers())


async def send_through(context: Context, request: Request, found: Found) -> Response:
    """Answer with a file of a result, through us even where only its provider has it."""
    if found.offer is None:
        return await send_result_file(context, request, found)
    download = Download(
        name=found.file.name,
        media_type=MEDIA_TYPES.get(found.file.format, _OTHER),
        etag=_digest(found.offer.url)[:32],
    )
    if _is_known(request, download):
        return _not_modified(download)
    headers = download.headers()
    if request.method == "HEAD":
        return Response(media_type=download.media_type, headers=headers)
    chunks = read_found(context, found)
    # What cannot be read is told now, as a problem; not in the middle of the answer.
    first = await anext(chunks, b"")
    return StreamingResponse(_chain(first, chunks), media_type=download.media_type, headers=headers)


async def _chain(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in others:
        yield chunk


async def send_model(
    context: Context, request: Request, model: Model, *, through: bool = False
) -> Response:
    """
    Answer with a mesh, converted if need be; what was given up for it is in a header.

    With *through* nobody is sent to the provider.
    """
    if model.convert is None:
        send = send_through if through else send_result_file
        return _with_notes(await send(context, request, model.source), model.source.file.notes)
    source = model.source.file
    version = source.sha256 or source.artifact or _digest(source.provider_url)
    download = Download(
        name=model.name,
        media_type=MEDIA_TYPES.get(model.format, _OTHER),
        etag=f"{version[:32]}.{_digest(made_by(model.convert, model.about))[:32]}",
    )
    if _is_known(request, download):
        return _not_modified(download)
    made = await convert_model(context, model)

    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        # If nobody ever asks for the first chunk, housekeeping finds the file.
        try:
            async for chunk in read_derived(context, made, start=start, length=length):
                yield chunk
        finally:
            await drop_derived(made)

    answer = send_parts(request, download, made.size_bytes, read)
    if not isinstance(answer, StreamingResponse):
        await drop_derived(made)
    return _with_notes(answer, made.notes)


def _with_notes(answer: Response, notes: Sequence[str]) -> Response:
    if notes:
        answer.headers[NOTES_HEADER] = json.dumps(list(notes[:_MOST_NOTES]))
    return answer


async def send_artifact(
    context: Context, request: Request, artifact: ArtifactId, download: Download
) -> Response:
    """
    Answer with a stored file: the part asked for, or nothing but headers if it is known.

    Raises:
        ArtifactNotFound: It is not there any more.
    """
    size_bytes = (await context.artifacts.stat(artifact)).size_bytes

    def read(start: int, length: int) -> AsyncIterator[bytes]:
        return context.artifacts.read(artifact, start=start, length=length)

    return send_parts(request, download, size_bytes, read)


def send_parts(
    request: Request,
    download: Download,
    size_bytes: int,
    read: Callable[[int, int], AsyncIterator[bytes]],
) -> Response:
    """Answer with the part asked for of what *read* reads from a start over a length."""
    if _is_known(request, download):
        return _not_modified(download)
    headers = {**download.headers(), "Accept-Ranges": "bytes"}
    span = _wanted_span(request, download, size_bytes)
    if span is None:
        start, length, status = 0, size_bytes, 200
    else:
        start, length = span
        if length <= 0:
            return http_problem(
                416,
                f"The file has {size_bytes} bytes; the range lies outside.",
                headers={"Content-Range": f"bytes */{size_bytes}"},
            )
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size_bytes}"
        status = 206
    headers["Content-Length"] = str(length)
    if request.method == "HEAD":
        return Response(status_code=status, media_type=download.media_type, headers=headers)
    return StreamingResponse(
        read(start, length),
        status_code=status,
        media_type=download.media_type,
        headers=headers,
    )


def picture_download(picture: Picture, *, name: str) -> Download:
    """Describe an item's picture: shown in the page, and replaced while the job is a draft."""
    extension = picture.media_type.rpartition("/")[2]
    return Download(
        name=f"{name}.{extension}",
        media_type=picture.media_type,
        etag=picture.sha256,
        inline=True,
    )


def keep_version(answer: Response, version: str | None) -> Response:
    """Let the browser keep *answer* for as long as it likes if the address names its *version*."""
    if version and answer.status_code in {200, 304}:
        answer.headers["Cache-Control"] = _OF_THIS_VERSION
    return answer


def thumbnail_download(thumbnail: Thumbnail, *, asked: str | None) -> Download:
    """
    Describe a small rendition of a picture.

    Args:
        thumbnail: What is sent.
        asked: The version that the address names; None: none.
    """
    known = asked == thumbnail.version
    return Download(
        name=THUMBNAIL_NAME,
        media_type="image/webp",
        etag=thumbnail.artifact,
        inline=True,
        cache_control=_OF_THIS_VERSION if known else _MAY_CHANGE,
    )


def _elsewhere(url: str) -> Response:
    return RedirectResponse(url, 307, headers={"Cache-Control": "no-store"})


def _digest(url: str | None) -> str:
    # Providers never put another file under the URL of a result.
    return hash_of_text(url or "")


def _is_known(request: Request, download: Download) -> bool:
    return is_known(request.headers.get("if-none-match", ""), f'"{download.etag}"')


def _not_modified(download: Download) -> Response:
    headers = download.headers()
    return Response(
        status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")}
    )


def _wanted_span(request: Request, download: Download, size_bytes: int) -> tuple[int, int] | None:
    """Read the Range header as start and length; None: the whole file (RFC 9110, section 14)."""
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition != f'"{download.etag}"':
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size_bytes)
        return size_bytes - length, length
    start = int(first)
    end = min(int(last), size_bytes - 1) if last else size_bytes - 1
    if last and int(last) < start:
        return None
    return start, end - start + 1
