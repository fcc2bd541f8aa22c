"""Make files of files, and keep them for whoever asks again."""

import hashlib
import json
import logging
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from image2model.core.errors import ArtifactNotFound, StorageError
from image2model.core.ids import ArtifactId
from image2model.core.job import Description
from image2model.geometry.conversion import Conversion
from image2model.jobs.computations import ConvertedFile, convert_model
from image2model.jobs.context import Context
from image2model.jobs.whole import read_whole

_log = logging.getLogger(__name__)

_HEAD_LENGTH = struct.Struct("<I")
_MADE_BY = "4"
"""Changes when conversions come out differently, so that nobody gets what older versions made."""

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """
    What is made of what.

    Attributes:
        source: The model as we keep it; None: only its provider has it, and nothing is kept.
        conversion: What it is to become.
        about: What is said of the object.
    """

    source: ArtifactId | None
    conversion: Conversion
    about: Description

    @property
    def artifact(self) -> ArtifactId | None:
        """The id of the file made: the same for the same derivation, and nobody can guess it."""
        if self.source is None:
            return None
        told = "\0".join([_MADE_BY, self.source, made_by(self.conversion, self.about)])
        return ArtifactId(hashlib.sha256(told.encode()).hexdigest()[:32])


def made_by(conversion: Conversion, about: Description) -> str:
    """Say by what a file is made of one that was delivered; see `ResultFile.made_by`."""
    return f"{conversion.key} {about.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """
    A file that was made before: what is kept of it is a head that says all this, and its bytes.

    Attributes:
        artifact: Where it is kept.
        start: Where its bytes begin there.
        size_bytes: Their length.
        sha256: Of them, hex.
        crc32: Of them.
        notes: What was given up for it.
    """

    artifact: ArtifactId
    start: int
    size_bytes: int
    sha256: str
    crc32: int
    notes: Sequence[str]


async def find_derived(context: Context, derivation: Derivation) -> Derived | None:
    """
    Find what was made before, without reading more of it than its head; None: it was not.

    Raises:
        StorageError: The store cannot say.
    """
    artifact = derivation.artifact
    if artifact is None:
        return None
    read = context.artifacts.read
    try:
        (length,) = _HEAD_LENGTH.unpack(
            await read_whole(read(artifact, start=0, length=_HEAD_LENGTH.size))
        )
        head = json.loads(await read_whole(read(artifact, start=_HEAD_LENGTH.size, length=length)))
    except ArtifactNotFound:
        return None
    return Derived(artifact=artifact, start=_HEAD_LENGTH.size + length, **head)


async def derive(
    context: Context, derivation: Derivation, content: AsyncIterator[bytes]
) -> ConvertedFile:
    """
    Make a file, or find it made.

    What is made is kept beside the source. Several may make the same at once: the last one's
    stays, and all are equal. Where it cannot be kept, it is made again the next time.

    Args:
        context: The ports.
        derivation: What is to be made.
        content: The source's bytes; only read if it was not made before.

    Returns:
        The file, and what was given up for it.

    Raises:
        Whatever reading *content* raises.
        InvalidMesh: The source cannot be understood.
        InvalidRequest: It cannot become as small as asked for.
        ComputeError: The conversion did not come to its end.
    """
    artifact = derivation.artifact
    if (kept := await _kept(context, derivation)) is not None:
        return kept
    source = await read_whole(content)
    made = await context.compute.run(
        context.rules.compute_s,
        convert_model,
        source,
        derivation.conversion,
        derivation.about,
    )
    if artifact is not None and derivation.source is not None:
        await _keep(context, derivation.source, artifact, made)
    return made


async def _kept(context: Context, derivation: Derivation) -> ConvertedFile | None:
    try:
        if (found := await find_derived(context, derivation)) is None:
            return None
        content = await read_whole(context.artifacts.read(found.artifact, start=found.start))
    except (ArtifactNotFound, StorageError):
        return None
    return ConvertedFile(content=content, notes=found.notes)


async def _keep(
    context: Context, source: ArtifactId, artifact: ArtifactId, made: ConvertedFile
) -> None:
    about = {
        "size_bytes": len(made.content),
        "sha256": hashlib.sha256(made.content).hexdigest(),
        "crc32": zlib.crc32(made.content),
        "notes": list(made.notes),
    }
    head = json.dumps(about).encode()
    whole = _HEAD_LENGTH.pack(len(head)) + head + made.content

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), _CHUNK_BYTES):
            yield whole[start : start + _CHUNK_BYTES]

    try:
        await context.reserve.check()
        # The job store hears of it first: a crash leaves a name without a file, never a file
        # without a name.
        if await context.store.add_derived(source, artifact):
            await context.artifacts.put(artifact, chunks(), limit_bytes=context.rules.result_bytes)
    except StorageError as error:
        _log.warning("cannot keep what was made of artifact %s: %s", source, error)
