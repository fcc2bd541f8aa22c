"""Files come into the output folder whole or not at all."""

import errno
import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from image2model.cli.outputs import OutputFolder
from image2model.core.errors import StorageFull, StorageUnavailable


def saving(content: bytes) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_bytes(content)

    return save


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def forbidden(_path: Path) -> None:
    raise AssertionError("what is there already must not be fetched")


def test_folder_is_made_and_left_clean(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "deep" / "er")
    assert folder.keep("a.glb", saving(b"model"), sha256=None)
    assert names_in(folder.path) == ["a.glb"]


def test_same_content_is_left_alone(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    folder.keep("a.glb", saving(b"model"), sha256=None)
    before = (tmp_path / "a.glb").stat().st_mtime_ns
    assert not folder.keep("a.glb", forbidden, sha256=sha256(b"model").hexdigest())
    assert not folder.keep("a.glb", saving(b"model"), sha256=None)
    assert (tmp_path / "a.glb").stat().st_mtime_ns == before


def test_other_content_is_replaced(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    folder.keep("a.glb", saving(b"old"), sha256=None)
    assert folder.keep("a.glb", saving(b"new"), sha256=sha256(b"new").hexdigest())
    assert (tmp_path / "a.glb").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_failure_leaves_what_was_there(tmp_path: Path, number: int) -> None:
    folder = OutputFolder(tmp_path)
    folder.keep("a.glb", saving(b"old"), sha256=None)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(number, "no")

    expected = StorageUnavailable if number == errno.EIO else StorageFull
    with pytest.raises(expected):
        folder.keep("a.glb", fail, sha256=None)
    assert names_in(tmp_path) == ["a.glb"]
    assert (tmp_path / "a.glb").read_bytes() == b"old"


def test_file_in_the_way_is_explained(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(StorageUnavailable, match="choose another folder with -o"):
        OutputFolder(tmp_path / "models")


def test_folder_that_cannot_be_written_is_found_out_at_once(tmp_path: Path) -> None:
    # A folder of the kernel, which not even root may write.
    with pytest.raises(StorageUnavailable):
        OutputFolder(Path("/proc/self/models"))


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    folder = OutputFolder(tmp_path)
    parts: list[Path] = []

    def look(path: Path) -> None:
        parts.append(path)
        path.write_bytes(b"half")
        OutputFolder(tmp_path)
        assert path.exists()

    folder.keep("a.glb", look, sha256=None)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    dead = parts[0].name.replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    (tmp_path / dead).write_bytes(b"half")
    OutputFolder(tmp_path)
    assert names_in(tmp_path) == ["a.glb"]
