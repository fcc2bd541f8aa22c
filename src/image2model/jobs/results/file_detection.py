"""Know what providers deliver by its bytes: what they call it is often wrong."""

import zipfile
from dataclasses import dataclass, replace
from functools import partial
from hashlib import file_digest
from io import BufferedReader, BytesIO
from typing import BinaryIO

import anyio.to_thread

from image2model.core.errors import ProviderResultInvalid
from image2model.geometry.formats.detection import HEAD_BYTES, glb_length, mesh_format
from image2model.ports.provider import ProvidedFile

_SPLAT_BYTES = 32
"""Splats have no signature: so many bytes each, and nothing else."""

_MESHES_IN_ZIP = (
    *(".gltf", ".glb", ".obj", ".stl", ".ply", ".fbx", ".usd", ".usda", ".usdc", ".usdz"),
    *(".splat", ".spz"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A file's format, or what is wrong with it."""

    extension: str = ""
    fault: str = ""


async def recognised_mesh(file: ProvidedFile, *, provider: str) -> ProvidedFile:
    """
    Call *file*, which has its bytes, by what they are.

    Raises:
        ProviderResultInvalid: They are no 3D model, or not all of it.
    """
    return await anyio.to_thread.run_sync(partial(_recognised, file, provider=provider))


async def sha256_of(file: ProvidedFile) -> str:
    """Hash the bytes of *file*, hex."""

    def hash_it() -> str:
        with _opened(file) as source:
            return _sha256_of(source)

    return await anyio.to_thread.run_sync(hash_it)


def _recognised(file: ProvidedFile, *, provider: str) -> ProvidedFile:
    with _opened(file) as source:
        size_bytes = source.seek(0, 2)
        source.seek(0)
        known = _know(source, size_bytes=size_bytes, name=file.name)
        if known.fault:
            source.seek(0)
            raise ProviderResultInvalid(
                provider=provider, reason=known.fault, sha256=_sha256_of(source)
            )
    stem, dot, extension = file.name.rpartition(".")
    if extension.lower() == known.extension and dot:
        return file
    return replace(file, name=f"{stem or extension}.{known.extension}")


def _opened(file: ProvidedFile) -> BufferedReader | BytesIO:
    return BytesIO(file.content or b"") if file.path is None else file.path.open("rb")


def _sha256_of(source: BufferedReader | BytesIO) -> str:
    return file_digest(source, "sha256").hexdigest()


def _know(source: BinaryIO, *, size_bytes: int, name: str) -> _Known:
    head = source.read(HEAD_BYTES)
    if not size_bytes:
        return _Known(fault="the file is empty")
    promised_bytes = glb_length(head)
    if promised_bytes is not None and promised_bytes != size_bytes:
        return _Known(fault=f"the model has {size_bytes} bytes instead of {promised_bytes}")
    found = mesh_format(head, size_bytes=size_bytes)
    if found == "zip":
        return _know_archive(source)
    if found is None and name.lower().endswith(".splat") and size_bytes % _SPLAT_BYTES == 0:
        found = "splat"
    return _Known(extension=found) if found else _Known(fault="the file is no 3D model")


def _know_archive(source: BinaryIO) -> _Known:
    source.seek(0)
    try:
        with zipfile.ZipFile(source) as archive:
            names = [name.lower() for name in archive.namelist()]
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, EOFError, ValueError):
        # Others may read what cannot be opened here.
        return _Known(extension="zip")
    if any(name.endswith(".model") and name.startswith("3d/") for name in names):
        return _Known(extension="3mf")
    if any(name.endswith(_MESHES_IN_ZIP) for name in names):
        return _Known(extension="zip")
    return _Known(fault="there is no 3D model in the archive")
