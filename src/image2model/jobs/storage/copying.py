"""Copy files from one place to another."""

from dataclasses import dataclass

from image2model.core.errors import ArtifactNotFound
from image2model.ports.artifacts import ArtifactStore, StoredArtifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """
    What was copied.

    Attributes:
        files: How many files the source has.
        new_files: How many of them were not there yet.
        size_bytes: What all of them take.
    """

    files: int
    new_files: int
    size_bytes: int


async def copy_artifacts(source: ArtifactStore, target: ArtifactStore) -> Copied:
    """
    Copy what *source* has and *target* has not; may be called again where it was interrupted.

    A file of the same id and size is the same: none is ever changed.
    """
    files = new_files = size_bytes = 0
    async for stored in source.all():
        if not await _has(target, stored):
            chunks = source.read(stored.artifact)
            await target.put(stored.artifact, chunks, limit_bytes=stored.size_bytes)
            new_files += 1
        files += 1
        size_bytes += stored.size_bytes
    return Copied(files=files, new_files=new_files, size_bytes=size_bytes)


async def _has(target: ArtifactStore, stored: StoredArtifact) -> bool:
    try:
        known = await target.stat(stored.artifact)
    except ArtifactNotFound:
        return False
    return known.size_bytes == stored.size_bytes
