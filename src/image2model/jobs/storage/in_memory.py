"""Files that are held whole in memory, as those who compute with them take them."""

from collections.abc import AsyncIterable, AsyncIterator

from image2model.core.ids import ArtifactId
from image2model.ports.artifacts import ArtifactStore


async def read_whole(chunks: AsyncIterable[bytes]) -> bytes:
    """Put *chunks* together."""
    return b"".join([chunk async for chunk in chunks])


async def one_chunk(content: bytes) -> AsyncIterator[bytes]:
    """Give *content* as one chunk."""
    yield content


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield all of *content* at once."""
    yield content


async def put_whole(
    artifacts: ArtifactStore, artifact: ArtifactId, content: bytes, *, limit_bytes: int
) -> int:
    """
    Store *content* under *artifact*; see `ArtifactStore.put`.

    Returns:
        Its size, in bytes.
    """
    return await artifacts.put(artifact, one_chunk(content), limit_bytes=limit_bytes)
