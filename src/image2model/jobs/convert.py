"""Make files of files, and keep them for whoever asks again."""

import hashlib
import json
import logging
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

from image2model.core.errors import ArtifactNotFound, StorageError
from image2model.core.ids import ArtifactId
from image2model.core.job import Description
from image2model.geometry.conversion import Conversion
from image2model.jobs.computations import ConvertedFile, convert_model
from image2model.jobs.context import Context
from image2model.jobs.whole import read_whole

_log = logging.getLogger(__name__)

_NOTES_LENGTH = struct.Struct("<I")
_MADE_BY = "2"
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
    if artifact is not None and (kept := await _kept(context, artifact)) is not None:
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


async def _kept(context: Context, artifact: ArtifactId) -> ConvertedFile | None:
    try:
        whole = await read_whole(context.artifacts.read(artifact))
    except (ArtifactNotFound, StorageError):
        return None
    (length,) = _NOTES_LENGTH.unpack_from(whole)
    start = _NOTES_LENGTH.size + length
    notes = json.loads(whole[_NOTES_LENGTH.size : start])
    return ConvertedFile(content=whole[start:], notes=notes)


async def _keep(
    context: Context, source: ArtifactId, artifact: ArtifactId, made: ConvertedFile
) -> None:
    notes = json.dumps(list(made.notes)).encode()
    whole = _NOTES_LENGTH.pack(len(notes)) + notes + made.content

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), _CHUNK_BYTES):
            yield whole[start : start + _CHUNK_BYTES]

    try:
        # The job store hears of it first: a crash leaves a name without a file, never a file
        # without a name.
        if await context.store.add_derived(source, artifact):
            await context.artifacts.put(artifact, chunks(), limit_bytes=context.rules.result_bytes)
    except StorageError as error:
        _log.warning("cannot keep what was made of artifact %s: %s", source, error)
