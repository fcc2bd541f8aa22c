"""What every `ArtifactStore` promises."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from image2model.backends.folder.artifacts import FolderArtifactStore
from image2model.backends.inprocess.clock import SystemClock
from image2model.backends.objects.artifacts import ObjectArtifactStore
from image2model.core.errors import ArtifactNotFound, ArtifactTooLarge, StorageFull
from image2model.core.ids import ArtifactId, new_hex_id
from image2model.ports.artifacts import ArtifactStore
from image2model.testing.memory_artifacts import FailingArtifactStore, MemoryArtifactStore
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.anyio

MODEL = ArtifactId(new_hex_id())
MIB = 1024 * 1024

NOT_OURS = ["", "..", "../../etc/passwd", "/etc/passwd", "A" * 32, "a" * 31, "a" * 33, "a\0b"]
"""What a caller may send in place of an id."""


@pytest.fixture
def memory() -> MemoryArtifactStore:
    return MemoryArtifactStore(SystemClock())


@pytest.fixture
def folder(tmp_path: Path) -> FolderArtifactStore:
    return FolderArtifactStore(tmp_path)


@pytest.fixture
def failing(memory: MemoryArtifactStore) -> FailingArtifactStore:
    """One that was told of no failures."""
    return FailingArtifactStore(memory)


@pytest.fixture
def objects(s3_url: str, s3_server: S3Server) -> ObjectArtifactStore:
    return ObjectArtifactStore(s3_url, endpoint_url=s3_server.endpoint_url)


@pytest.fixture(params=["memory", "folder", "failing", "objects"])
def store(request: pytest.FixtureRequest) -> ArtifactStore:
    found: ArtifactStore = request.getfixturevalue(request.param)
    return found


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await anyio.lowlevel.checkpoint()
        yield chunk


async def read(
    store: ArtifactStore,
    artifact: ArtifactId = MODEL,
    *,
    start: int = 0,
    length: int | None = None,
) -> bytes:
    return b"".join([chunk async for chunk in store.read(artifact, start=start, length=length)])


async def listed(store: ArtifactStore) -> list[ArtifactId]:
    return [stored.artifact async for stored in store.all()]


@pytest.mark.parametrize(
    "chunks", [(), (b"",), (b"one",), (b"one", b"", b"two"), (b"x" * MIB,) * 3]
)
async def test_reads_what_was_put(store: ArtifactStore, chunks: tuple[bytes, ...]) -> None:
    content = b"".join(chunks)
    size = await store.put(MODEL, pieces(*chunks), limit_bytes=4 * MIB)
    assert size == len(content)
    assert (await store.stat(MODEL)).size_bytes == len(content)
    assert await read(store) == content


async def test_put_replaces(store: ArtifactStore) -> None:
    await store.put(MODEL, pieces(b"a longer old content"), limit_bytes=100)
    await store.put(MODEL, pieces(b"new"), limit_bytes=100)
    assert await read(store) == b"new"
    assert await listed(store) == [MODEL]


async def test_stat_tells_when(store: ArtifactStore) -> None:
    before = datetime.now(UTC)
    await store.put(MODEL, pieces(b"content"), limit_bytes=100)
    stored = await store.stat(MODEL)
    assert stored.artifact == MODEL
    assert stored.stored_at.tzinfo is UTC
    # The file system's clock ticks every few milliseconds.
    assert abs(stored.stored_at - before) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("start", "length"),
    [
        (0, 10),
        (0, 0),
        (5, 1),
        (MIB - 1, 2),
        (MIB, None),
        (3 * MIB, 5),
        (4 * MIB, None),
        (1, 2 * MIB),
    ],
)
async def test_reads_a_range(store: ArtifactStore, start: int, length: int | None) -> None:
    content = bytes(range(256)) * (3 * MIB // 256)
    await store.put(MODEL, pieces(content), limit_bytes=4 * MIB)
    end = None if length is None else start + length
    assert await read(store, start=start, length=length) == content[start:end]


async def test_exactly_the_limit_is_accepted(store: ArtifactStore) -> None:
    assert await store.put(MODEL, pieces(b"12", b"3"), limit_bytes=3) == 3


async def test_too_large_changes_nothing(store: ArtifactStore) -> None:
    """A refused file leaves the earlier one in place."""
    await store.put(MODEL, pieces(b"old"), limit_bytes=3)
    with pytest.raises(ArtifactTooLarge) as caught:
        await store.put(MODEL, pieces(b"n", b"ewer"), limit_bytes=3)
    assert caught.value.limit_bytes == 3
    assert await read(store) == b"old"


async def test_error_of_the_source_changes_nothing(store: ArtifactStore) -> None:
    """The sender's own error comes out as it is, even one that looks like the disk's."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        raise ConnectionResetError("the sender went away")

    with pytest.raises(ConnectionResetError):
        await store.put(MODEL, broken(), limit_bytes=4 * MIB)
    assert await listed(store) == []
    with pytest.raises(ArtifactNotFound):
        await store.stat(MODEL)


async def test_cancelled_put_changes_nothing(store: ArtifactStore) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        tasks.cancel_scope.cancel()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        await store.put(MODEL, stuck(), limit_bytes=4 * MIB)
    assert await listed(store) == []


async def test_unfinished_put_is_not_visible(store: ArtifactStore) -> None:
    """While a file is being written, its id names what it named before."""
    await store.put(MODEL, pieces(b"old"), limit_bytes=3)
    seen: list[bytes] = []

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        seen.append(await read(store))
        yield b"y"

    await store.put(MODEL, slow(), limit_bytes=2 * MIB)
    assert seen == [b"old"]
    assert (await store.stat(MODEL)).size_bytes == MIB + 1


async def test_writers_of_one_id_do_not_mix(store: ArtifactStore) -> None:
    """Of many who write one id at once, one wins whole."""
    contents = [bytes([65 + writer]) * (MIB // 2) for writer in range(8)]
    halves = [(content[: MIB // 4], content[MIB // 4 :]) for content in contents]

    async def write(first: bytes, second: bytes) -> None:
        await store.put(MODEL, pieces(first, second), limit_bytes=MIB)

    async with anyio.create_task_group() as tasks:
        for first, second in halves:
            tasks.start_soon(write, first, second)
    assert await read(store) in contents
    assert await listed(store) == [MODEL]


async def test_a_reader_keeps_what_it_reads(store: ArtifactStore) -> None:
    """A file replaced and deleted under a reader is still read as it was."""
    await store.put(MODEL, pieces(b"a" * 2 * MIB), limit_bytes=2 * MIB)
    reading = store.read(MODEL)
    seen = [await anext(reading)]
    await store.put(MODEL, pieces(b"b" * 2 * MIB), limit_bytes=2 * MIB)
    await store.delete(MODEL)
    seen += [chunk async for chunk in reading]
    assert b"".join(seen) == b"a" * 2 * MIB


async def test_delete_removes_and_repeats(store: ArtifactStore) -> None:
    await store.put(MODEL, pieces(b"content"), limit_bytes=100)
    await store.delete(MODEL)
    await store.delete(MODEL)
    with pytest.raises(ArtifactNotFound):
        await read(store)
    assert await listed(store) == []


async def test_missing_is_not_found(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactNotFound) as caught:
        await store.stat(MODEL)
    assert caught.value.details == {"artifact": MODEL}
    with pytest.raises(ArtifactNotFound):
        await anext(store.read(MODEL, start=3, length=0))


@pytest.mark.parametrize("text", NOT_OURS)
async def test_other_ids_name_nothing(store: ArtifactStore, text: str) -> None:
    """Text that is no id of ours can neither read, write nor remove anything."""
    artifact = ArtifactId(text)
    await store.put(MODEL, pieces(b"content"), limit_bytes=100)
    with pytest.raises(ValueError, match="not an id of ours"):
        await store.put(artifact, pieces(b"content"), limit_bytes=100)
    with pytest.raises(ArtifactNotFound):
        await store.stat(artifact)
    with pytest.raises(ArtifactNotFound):
        await anext(store.read(artifact))
    await store.delete(artifact)
    assert await read(store) == b"content"


async def test_lists_everything(store: ArtifactStore) -> None:
    artifacts = sorted(ArtifactId(new_hex_id()) for _ in range(20))
    for size, artifact in enumerate(artifacts):
        await store.put(artifact, pieces(b"x" * size), limit_bytes=100)
    found = {stored.artifact: stored.size_bytes async for stored in store.all()}
    assert found == {artifact: size for size, artifact in enumerate(artifacts)}


async def test_check_leaves_nothing(store: ArtifactStore) -> None:
    await store.check()
    assert await listed(store) == []


async def test_failing_fails_when_told(memory: MemoryArtifactStore) -> None:
    """The second put meets a full disk and changes nothing; the third goes through."""
    store = FailingArtifactStore(
        memory,
        puts={2: StorageFull(where="the disk")},
        reads={1: OSError("gone")},
        checks={1: StorageFull(where="the disk")},
    )
    await store.put(MODEL, pieces(b"one"), limit_bytes=100)
    with pytest.raises(StorageFull):
        await store.put(MODEL, pieces(b"two"), limit_bytes=100)
    with pytest.raises(OSError, match="gone"):
        await read(store)
    assert await read(store) == b"one"
    await store.put(MODEL, pieces(b"three"), limit_bytes=100)
    assert await read(store) == b"three"
    with pytest.raises(StorageFull):
        await store.check()
    await store.check()
