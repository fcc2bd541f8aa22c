"""What the store over a folder promises beyond the port: crashes, full disks, privacy."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import anyio.lowlevel
import pytest

from image2model.backends.folder.artifacts import FolderArtifactStore
from image2model.backends.folder.errors import storage_errors
from image2model.backends.folder.part_file import PartFile
from image2model.core.errors import StorageError, StorageFull, StorageUnavailable
from image2model.core.ids import ArtifactId, new_hex_id

pytestmark = pytest.mark.anyio

MODEL = ArtifactId(new_hex_id())
MIB = 1024 * 1024

WRITE_AND_HANG = """
import sys
from pathlib import Path
import anyio
from image2model.backends.folder.artifacts import FolderArtifactStore

async def chunks():
    for _ in range(8):
        yield b"x" * 1024 * 1024
    print("half written", flush=True)
    await anyio.sleep_forever()

async def main():
    store = FolderArtifactStore(Path(sys.argv[1]))
    await store.put(sys.argv[2], chunks(), limit_bytes=1 << 30)

anyio.run(main)
"""

WRITE_UNDER_A_FILE_SIZE_LIMIT = """
import resource, sys
from pathlib import Path
import anyio
from image2model.backends.folder.artifacts import FolderArtifactStore
from image2model.core.errors import StorageUnavailable

async def chunks(size):
    yield b"x" * size

async def main():
    store = FolderArtifactStore(Path(sys.argv[1]))
    await store.put(sys.argv[2], chunks(1000), limit_bytes=1 << 30)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        await store.put(sys.argv[2], chunks(1_000_000), limit_bytes=1 << 30)
    except StorageUnavailable as error:
        print(error.code, error.details["reason"])
    print((await store.stat(sys.argv[2])).size_bytes)

anyio.run(main)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def piece(content: bytes) -> AsyncIterator[bytes]:
    yield content


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def modes_below(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*")}


def kill_in_the_middle_of_a_put(folder: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_HANG, str(folder), MODEL], stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half written\n"
        writer.send_signal(signal.SIGKILL)


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


async def test_files_are_spread_and_private(folder: Path) -> None:
    """Files lie in subfolders by their first digits; nobody else can read them."""
    store = FolderArtifactStore(folder)
    await store.put(MODEL, piece(b"content"), limit_bytes=100)
    assert files_below(folder) == [f"{MODEL[:2]}/{MODEL}"]
    assert modes_below(folder) == {MODEL[:2]: 0o700, "incoming": 0o700, MODEL: 0o600}


async def test_foreign_files_are_not_listed(folder: Path) -> None:
    store = FolderArtifactStore(folder)
    for name in ["lost+found/x", "ab/README", f"00/ff{MODEL[2:]}", "incoming/x.part"]:
        path = folder / name
        path.parent.mkdir()
        path.write_bytes(b"")
    (folder / "no").write_bytes(b"")
    assert [stored async for stored in store.all()] == []


async def test_killed_writer_leaves_nothing_visible(folder: Path) -> None:
    """A process killed in the middle of a put leaves only a part file, removed later."""
    store = FolderArtifactStore(folder)
    await store.put(MODEL, piece(b"old"), limit_bytes=100)
    kill_in_the_middle_of_a_put(folder)
    assert (await store.stat(MODEL)).size_bytes == 3
    assert len(files_below(folder)) == 2
    assert await store.remove_leftovers(older_than_s=3600) == 0
    assert await store.remove_leftovers(older_than_s=0) == 1
    assert files_below(folder) == [f"{MODEL[:2]}/{MODEL}"]


async def test_no_leftovers_in_a_new_folder(folder: Path) -> None:
    assert await FolderArtifactStore(folder).remove_leftovers(older_than_s=0) == 0


async def test_full_disk_changes_nothing(small_disk: Path) -> None:
    """On a real full disk the earlier file stays, nothing is left, and smaller files still fit."""
    store = FolderArtifactStore(small_disk)
    await store.put(MODEL, piece(b"old"), limit_bytes=100)
    with pytest.raises(StorageFull) as caught:
        await store.put(MODEL, piece(b"x" * 2 * MIB), limit_bytes=4 * MIB)
    assert caught.value.details == {"where": str(small_disk)}
    assert (await store.stat(MODEL)).size_bytes == 3
    assert files_below(small_disk) == [f"{MODEL[:2]}/{MODEL}"]
    await store.put(ArtifactId(new_hex_id()), piece(b"x" * 100_000), limit_bytes=MIB)


async def test_check_finds_a_full_disk(small_disk: Path) -> None:
    store = FolderArtifactStore(small_disk)
    await store.check()
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(b"x" * 2 * MIB)
    with pytest.raises(StorageFull):
        await store.check()
    filler.unlink()
    await store.check()
    assert files_below(small_disk) == []


async def test_read_only_disk_is_unavailable(small_disk: Path) -> None:
    store = FolderArtifactStore(small_disk)
    await store.put(MODEL, piece(b"content"), limit_bytes=100)
    make_read_only(small_disk)
    with pytest.raises(StorageUnavailable, match="Read-only"):
        await store.put(MODEL, piece(b"newer content"), limit_bytes=100)
    with pytest.raises(StorageUnavailable, match="Read-only"):
        await store.delete(MODEL)
    assert (await store.stat(MODEL)).size_bytes == len(b"content")


def test_refused_write_changes_nothing(folder: Path) -> None:
    """The kernel refuses a file over the process's limit: the earlier one stays."""
    done = subprocess.run(
        [sys.executable, "-c", WRITE_UNDER_A_FILE_SIZE_LIMIT, str(folder), MODEL],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["storage_unavailable File too large", "1000"]
    assert files_below(folder) == [f"{MODEL[:2]}/{MODEL}"]


async def test_missing_folder_is_unavailable(tmp_path: Path) -> None:
    """A disk that is not mounted is neither filled behind its back nor taken for an empty one."""
    store = FolderArtifactStore(tmp_path / "absent")
    with pytest.raises(StorageUnavailable):
        await store.put(MODEL, piece(b"content"), limit_bytes=100)
    with pytest.raises(StorageUnavailable):
        await store.stat(MODEL)
    with pytest.raises(StorageUnavailable):
        await anext(store.read(MODEL))
    with pytest.raises(StorageUnavailable):
        await store.delete(MODEL)
    with pytest.raises(StorageUnavailable):
        await anext(store.all())
    with pytest.raises(StorageUnavailable):
        await store.check()
    assert files_below(tmp_path) == []


async def test_file_in_the_place_of_a_folder_is_unavailable(folder: Path) -> None:
    (folder / MODEL[:2]).write_bytes(b"")
    store = FolderArtifactStore(folder)
    with pytest.raises(StorageUnavailable):
        await store.put(MODEL, piece(b"content"), limit_bytes=100)
    with pytest.raises(StorageUnavailable):
        await store.stat(MODEL)
    assert files_below(folder) == [MODEL[:2]]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EACCES, StorageUnavailable),
        (errno.EROFS, StorageUnavailable),
        (errno.EIO, StorageUnavailable),
        (errno.ENOTDIR, StorageUnavailable),
        (errno.EMFILE, StorageUnavailable),
    ],
)
def test_errors_are_classified(number: int, expected: type[StorageError]) -> None:
    def refuse() -> None:
        with storage_errors("/data"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(expected, match="/data"):
        refuse()


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 30, 100])
async def test_plain_asyncio_cancellation_leaves_nothing(folder: Path, turns: int) -> None:
    """Cancellation that no scope can hold back, at any moment, still leaves all or nothing."""
    store = FolderArtifactStore(folder)
    putting = asyncio.create_task(store.put(MODEL, piece(b"x" * MIB), limit_bytes=MIB))
    for _ in range(turns):
        await anyio.lowlevel.checkpoint()
    putting.cancel()
    with suppress(asyncio.CancelledError):
        await putting
    assert files_below(folder) in ([], [f"{MODEL[:2]}/{MODEL}"])
    assert [stored.size_bytes async for stored in store.all()] in ([], [MIB])


def test_discarded_part_ignores_a_late_thread(folder: Path) -> None:
    """What a thread left behind by a cancelled put still does makes no file."""
    part = PartFile(folder / "late.part")
    part.discard()
    part.write(b"late")
    part.commit(folder / "ab" / MODEL)
    assert files_below(folder) == []
