"""Check what a provider delivered, draw its preview, and keep it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from image2model.core.errors import InvalidMesh, JsonValue, ProviderResultInvalid
from image2model.core.ids import ArtifactId, new_hex_id
from image2model.core.job import FileRole, Result, ResultFile
from image2model.core.names import clean_name, unique_name
from image2model.geometry.inspect import MeshFacts, inspect_glb
from image2model.geometry.preview import render_preview
from image2model.jobs.context import Context
from image2model.jobs.discard import discard_artifacts
from image2model.ports.provider import Delivery, ProvidedFile

PREVIEW_NAME = "preview.webp"
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A mesh's preview (WebP) and its facts."""

    preview: bytes
    facts: Mapping[str, JsonValue]


def examine_model(glb: bytes) -> Examined:
    """
    Inspect and draw a GLB file; runs in a worker process.

    Raises:
        InvalidMesh: It cannot be read.
    """
    return Examined(facts=_facts(inspect_glb(glb)), preview=render_preview(glb))


def _facts(found: MeshFacts) -> dict[str, JsonValue]:
    width_mm, height_mm, depth_mm = (round(side, 2) for side in found.size_mm)
    return {
        "faces": found.faces,
        "vertices": found.vertices,
        "width_mm": width_mm,
        "height_mm": height_mm,
        "depth_mm": depth_mm,
        "watertight": found.watertight,
        "textures": found.textures,
        "texture_px": found.texture_px,
    }


async def keep_delivery(
    context: Context, delivery: Delivery, *, provider: str, item_name: str
) -> Result:
    """
    Check and store everything in *delivery*; on any error nothing of it is left behind.

    Raises:
        ProviderResultInvalid: Its mesh cannot be read.
        StorageError: It could not be kept.
        ComputeError: It could not be examined.
    """
    mesh = next((f for f in delivery.files if f.role is FileRole.MESH and f.content), None)
    if mesh is None or mesh.content is None:
        raise ProviderResultInvalid(provider=provider, reason="there is no mesh in it")
    try:
        examined = await context.compute.run(context.rules.compute_s, examine_model, mesh.content)
    except InvalidMesh as error:
        raise ProviderResultInvalid(provider=provider, reason=error.message) from error
    preview = ProvidedFile(name=PREVIEW_NAME, role=FileRole.PREVIEW, content=examined.preview)
    others = [f for f in delivery.files if f is not mesh and f.role is not FileRole.PREVIEW]
    files = await _keep_files(context, [mesh, preview, *others], item_name=item_name)
    return Result(files=files, facts={**delivery.facts, **examined.facts})


async def _keep_files(
    context: Context, provided: Sequence[ProvidedFile], *, item_name: str
) -> list[ResultFile]:
    files: list[ResultFile] = []
    names: set[str] = set()
    try:
        for one in provided:
            name = unique_name(_file_name(one, item_name=item_name), names)
            names.add(name)
            files.append(await _keep_file(context, one, name=name))
    except BaseException:
        await discard_artifacts(context, artifacts_of(files))
        raise
    return files


def _file_name(file: ProvidedFile, *, item_name: str) -> str:
    stem, _, extension = file.name.rpartition(".")
    if file.role is FileRole.MESH:
        return f"{item_name}.{extension}"
    return f"{clean_name(stem, fallback=file.role)}.{clean_name(extension, fallback='bin')}"


async def _keep_file(context: Context, file: ProvidedFile, *, name: str) -> ResultFile:
    content = file.content or b""
    artifact = ArtifactId(new_hex_id())
    await context.artifacts.put(artifact, _chunks(content), limit_bytes=context.rules.result_bytes)
    return ResultFile(
        name=name,
        role=file.role,
        format=name.rpartition(".")[2].lower(),
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
        artifact=artifact,
        provider_url=file.url,
        expires_at=file.expires_at,
    )


def artifacts_of(files: Sequence[ResultFile]) -> list[ArtifactId]:
    """List what *files* keep in our store."""
    return [file.artifact for file in files if file.artifact is not None]


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _CHUNK_BYTES):
        yield content[start : start + _CHUNK_BYTES]
