"""Check what a provider delivered, and keep it, or remember where the provider has it."""

import dataclasses
import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import (
    ArtifactTooLarge,
    ComputeError,
    FetchError,
    InvalidMesh,
    ProviderResultInvalid,
    ResultExpired,
)
from image2model.core.ids import ArtifactId, new_hex_id
from image2model.core.job import FileRole, KeepPolicy, Result, ResultFile
from image2model.core.text.clean import harmless_value
from image2model.core.text.names import clean_name, unique_name
from image2model.geometry.conversion.request import SOURCES
from image2model.geometry.render.sprite_layout import SPRITE_FACTS
from image2model.jobs.computations import (
    Examined,
    examine_model,
    inspect_model,
    memory_for_model,
)
from image2model.jobs.context import Context
from image2model.jobs.results.file_detection import recognised_mesh, sha256_of
from image2model.jobs.results.linked import link_file, link_mesh, offer_of_provided
from image2model.jobs.storage.discard import discard_artifacts
from image2model.ports.provider import Delivery, ProvidedFile

_log = logging.getLogger(__name__)

PREVIEW_NAME = "preview.webp"
UNEXAMINED = "unexamined"
"""The fact that says why a model was kept although it could not be examined."""

_AWAITED = ProvidedFile(name=PREVIEW_NAME, role=FileRole.PREVIEW)
"""A preview that gets its place now and is drawn later."""

_CHUNK_BYTES = 1024 * 1024


async def take_delivery(
    context: Context,
    delivery: Delivery,
    *,
    keep: KeepPolicy,
    provider: str,
    item_name: str,
    draws: bool = True,
    insists: bool = True,
) -> Result:
    """
    Check everything in *delivery* and store it; on any error nothing of it is left behind.

    The files it came in are removed in any case. With the policy `links`, files that have a URL
    are not stored: the mesh's is looked at, and the URLs are remembered.

    Args:
        context: The ports.
        delivery: What the provider made.
        keep: What happens to it.
        provider: Who made it.
        item_name: What the object is called.
        draws: Whether a preview is drawn of a mesh that is stored; if not, it has its place in
            the result and is drawn when it is asked for.
        insists: Whether a mesh that cannot be examined for lack of memory or time is an error;
            if not, it is kept as it is, and the fact `unexamined` says why.

    Raises:
        ProviderResultInvalid: Its mesh is none or damaged, or there is none.
        ResultExpired: It was to be read from a URL where it is not any more.
        FetchError: It was to be read from a URL and cannot be.
        StorageError: It could not be kept.
        ComputeError: It could not be examined.
    """
    fetched: list[ProvidedFile] = []
    try:
        mesh = next((file for file in delivery.files if file.role is FileRole.MESH), None)
        if mesh is None:
            raise ProviderResultInvalid(provider=provider, reason="there is no mesh in it")
        if keep is KeepPolicy.LINKS and mesh.url is not None:
            return await _link(context, delivery, provider=provider, item_name=item_name)
        for file in delivery.files:
            fetched += await _with_bytes(context, file, provider=provider)
        return await _keep(
            context,
            fetched,
            delivery,
            provider=provider,
            item_name=item_name,
            draws=draws,
            insists=insists,
        )
    finally:
        paths = [file.path for file in (*delivery.files, *fetched) if file.path]
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_remove, paths)


async def _link(context: Context, delivery: Delivery, *, provider: str, item_name: str) -> Result:
    offered = [file for file in delivery.files if file.url is not None]
    meshes = [file for file in offered if file.role is FileRole.MESH]
    mesh, source = await _first_mesh(context, meshes, provider=provider)
    others = [
        dataclasses.replace(file, role=FileRole.ORIGINAL) if file in meshes else file
        for file in offered
        if file is not source
    ]
    files: list[ResultFile] = []
    for link in (mesh, *map(link_file, others)):
        name = _name_of(link.name, link.role, item_name=item_name)
        unique = unique_name(name, {known.name for known in files})
        files.append(dataclasses.replace(link, name=unique))
    # Nobody has looked into the file, but it can be drawn when somebody wants to see it.
    drawn = {"sprite": dict(SPRITE_FACTS)} if mesh.format == "glb" else {}
    return Result(files=files, facts={**harmless_value(delivery.facts), **drawn})


async def _first_mesh(
    context: Context, meshes: Sequence[ProvidedFile], *, provider: str
) -> tuple[ResultFile, ProvidedFile]:
    """Find the first of *meshes* that is one; providers may offer what they only call so."""
    failure: ProviderResultInvalid | None = None
    for file in meshes:
        try:
            return await link_mesh(context, file, provider=provider), file
        except ProviderResultInvalid as error:
            failure = failure or error
    assert failure is not None
    raise failure


async def _with_bytes(
    context: Context, file: ProvidedFile, *, provider: str
) -> Sequence[ProvidedFile]:
    """Read *file* if it was delivered as a URL only; none, if it can be done without."""
    if file.content or file.path or file.url is None:
        return [file]
    rules, offer = context.rules, offer_of_provided(file, provider=provider)
    try:
        path = await context.links.save(offer, rules.incoming, limit_bytes=rules.result_bytes)
    except (ResultExpired, FetchError, ArtifactTooLarge) as error:
        if file.role is FileRole.MESH:
            raise
        _log.warning("a result is kept without its '%s': %s", file.name, error)
        return []
    return [dataclasses.replace(file, path=path)]


async def _keep(
    context: Context,
    provided: Sequence[ProvidedFile],
    delivery: Delivery,
    *,
    provider: str,
    item_name: str,
    draws: bool,
    insists: bool,
) -> Result:
    mesh, provided = await _recognise(provided, provider=provider)
    examined = await _examine(context, mesh, provider=provider, draws=draws, insists=insists)
    # What can be inspected can be drawn, but for textures that are broken inside.
    can_be_drawn = "faces" in examined.facts and not draws
    preview = _AWAITED if can_be_drawn else _own_preview(examined)
    files = await _keep_files(context, _worth_keeping(provided, mesh, preview), item_name=item_name)
    return Result(files=files, facts={**harmless_value(delivery.facts), **examined.facts})


async def _recognise(
    provided: Sequence[ProvidedFile], *, provider: str
) -> tuple[ProvidedFile, Sequence[ProvidedFile]]:
    """Find the first mesh that is one, and call it by what it is; list all files with it so."""
    failure: ProviderResultInvalid | None = None
    for file in provided:
        if not _is_mesh(file):
            continue
        try:
            mesh = await recognised_mesh(file, provider=provider)
        except ProviderResultInvalid as error:
            failure = failure or error
        else:
            return mesh, [mesh if one is file else one for one in provided]
    raise failure or ProviderResultInvalid(provider=provider, reason="there is no mesh in it")


def _is_mesh(file: ProvidedFile) -> bool:
    return file.role is FileRole.MESH and (file.content is not None or file.path is not None)


async def _examine(
    context: Context, mesh: ProvidedFile, *, provider: str, draws: bool, insists: bool
) -> Examined:
    if mesh.name.rpartition(".")[2].lower() not in SOURCES:
        return Examined(preview=None, facts={})
    source, limit_s = mesh.path or mesh.content, context.rules.compute_s
    size_bytes = mesh.path.stat().st_size if mesh.path else len(mesh.content or b"")
    try:
        async with context.compute.room(memory_for_model(size_bytes)):
            if draws:
                return await context.compute.run(limit_s, examine_model, source)
            facts = await context.compute.run(limit_s, inspect_model, source)
        return Examined(preview=None, facts=facts)
    except InvalidMesh as error:
        raise ProviderResultInvalid(
            provider=provider, reason=error.clause, sha256=await sha256_of(mesh)
        ) from error
    except ComputeError as error:
        if insists:
            raise
        _log.warning("a result is kept as it is, unexamined: %s", error)
        return Examined(preview=None, facts={UNEXAMINED: error.message})


def _own_preview(examined: Examined) -> ProvidedFile | None:
    if examined.preview is None:
        return None
    return ProvidedFile(name=PREVIEW_NAME, role=FileRole.PREVIEW, content=examined.preview)


def _worth_keeping(
    provided: Sequence[ProvidedFile], mesh: ProvidedFile, own: ProvidedFile | None
) -> Sequence[ProvidedFile]:
    """Put the mesh first and one preview second: ours, or the provider's where we have none."""
    previews = [file for file in provided if file.role is FileRole.PREVIEW]
    if own is not None:
        previews = [own]
    others = [f for f in provided if f is not mesh and f.role is not FileRole.PREVIEW]
    return [mesh, *previews[:1], *others]


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        # Housekeeping removes what stays; what is kept already must not be lost for it.
        with suppress(OSError):
            path.unlink(missing_ok=True)


async def _keep_files(
    context: Context, provided: Sequence[ProvidedFile], *, item_name: str
) -> list[ResultFile]:
    files: list[ResultFile] = []
    names: set[str] = set()
    try:
        for one in provided:
            name = unique_name(_name_of(one.name, one.role, item_name=item_name), names)
            names.add(name)
            files.append(
                dataclasses.replace(awaited_preview(), name=name)
                if one is _AWAITED
                else await _keep_file(context, one, name=name)
            )
    except BaseException:
        await discard_artifacts(context, artifacts_of(files))
        raise
    return files


def _name_of(name: str, role: FileRole, *, item_name: str) -> str:
    stem, _, extension = name.rpartition(".")
    if role is FileRole.MESH:
        return f"{item_name}.{clean_name(extension, fallback='bin')}"
    return f"{clean_name(stem, fallback=role)}.{clean_name(extension, fallback='bin')}"


def awaited_preview() -> ResultFile:
    """Give a preview a place in a result; it is drawn later."""
    return ResultFile(
        name=PREVIEW_NAME, role=FileRole.PREVIEW, format="webp", artifact=ArtifactId(new_hex_id())
    )


async def _keep_file(context: Context, file: ProvidedFile, *, name: str) -> ResultFile:
    digest, crc32 = sha256(), 0

    async def hashed() -> AsyncIterator[bytes]:
        nonlocal crc32
        async for chunk in _chunks(file):
            digest.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            yield chunk

    artifact = ArtifactId(new_hex_id())
    size_bytes = await context.artifacts.put(
        artifact, hashed(), limit_bytes=context.rules.result_bytes
    )
    return ResultFile(
        name=name,
        role=file.role,
        format=name.rpartition(".")[2].lower(),
        size_bytes=size_bytes,
        sha256=digest.hexdigest(),
        crc32=crc32,
        artifact=artifact,
        provider_url=file.url,
        expires_at=file.expires_at,
    )


def artifacts_of(files: Sequence[ResultFile]) -> list[ArtifactId]:
    """List what *files* keep in our store."""
    return [file.artifact for file in files if file.artifact is not None]


async def _chunks(file: ProvidedFile) -> AsyncIterator[bytes]:
    if file.path is not None:
        async with await anyio.open_file(file.path, "rb") as source:
            while chunk := await source.read(_CHUNK_BYTES):
                yield chunk
        return
    content = file.content or b""
    for start in range(0, len(content), _CHUNK_BYTES):
        yield content[start : start + _CHUNK_BYTES]
