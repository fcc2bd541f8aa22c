"""Files come into the output folder whole or not at all."""

import errno
import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from image2model.cli.outputs.files import OutputFolder
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
    assert folder.keep("a.glb", saving(b"model"), sha256=None).is_new
    assert names_in(folder.path) == ["a.glb"]


def test_same_content_is_left_alone(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    folder.keep("a.glb", saving(b"model"), sha256=None)
    before = (tmp_path / "a.glb").stat().st_mtime_ns
    assert not folder.keep("a.glb", forbidden, sha256=sha256(b"model").hexdigest()).is_new
    assert not folder.keep("a.glb", saving(b"model"), sha256=None).is_new
    assert (tmp_path / "a.glb").stat().st_mtime_ns == before


def test_what_was_written_before_is_replaced(tmp_path: Path) -> None:
    """By this process or by an earlier one."""
    records, out = tmp_path / "records", tmp_path / "out"
    OutputFolder(out, records=records).keep("a.glb", saving(b"old"), sha256=None)
    folder = OutputFolder(out, records=records)
    for content in (b"new", b"newer"):
        kept = folder.keep("a.glb", saving(content), sha256=sha256(content).hexdigest())
        assert (kept.name, kept.is_new, kept.note) == ("a.glb", True, "")
        assert (out / "a.glb").read_bytes() == content
    assert names_in(out) == ["a.glb"]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("known", [True, False], ids=["hash known", "hash not known"])
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("mug.glb", "mug-2.glb"),
        ("mug.obj.zip", "mug-2.obj.zip"),
        ("mug.preview.webp", "mug-2.preview.webp"),
        ("my mug v1.5.glb", "my mug v1.5-2.glb"),
        ("mug", "mug-2"),
        (".glb", ".glb-2"),
    ],
)
def test_file_of_somebody_else_stays(
    out: Path, records: Path, name: str, instead: str, known: bool
) -> None:
    """The new one gets a number; the next run finds that one again."""
    (out / name).write_bytes(b"mine")
    for content in (b"first", b"first", b"second"):
        folder = OutputFolder(out, records=records)
        digest = sha256(content).hexdigest() if known else None
        kept = folder.keep(name, saving(content), sha256=digest)
        assert (kept.name, kept.instead_of) == (instead, name)
        assert kept.note == f"{name} was there already and is kept; this one is {instead}"
        assert (out / name).read_bytes() == b"mine"
        assert (out / instead).read_bytes() == content
    assert sorted(names_in(out)) == sorted([name, instead])


def test_file_of_ours_that_was_changed_is_theirs(out: Path, records: Path) -> None:
    OutputFolder(out, records=records).keep("a.glb", saving(b"made by us"), sha256=None)
    (out / "a.glb").write_bytes(b"painted over")
    kept = OutputFolder(out, records=records).keep("a.glb", saving(b"made anew"), sha256=None)
    assert kept.name == "a-2.glb"
    assert (out / "a.glb").read_bytes() == b"painted over"


def test_file_that_was_cut_off_is_written_again(out: Path, records: Path) -> None:
    (out / "a.glb").write_bytes(b"mode")
    assert OutputFolder(out).keep("a.glb", saving(b"model"), sha256=None).name == "a.glb"
    assert (out / "a.glb").read_bytes() == b"model"


@pytest.mark.parametrize("overwrite", [True, False])
def test_folder_link_and_pipe_of_that_name_stay(out: Path, tmp_path: Path, overwrite: bool) -> None:
    (out / "a.glb").mkdir()
    os.mkfifo(out / "a-2.glb")
    (out / "a-3.glb").symlink_to(tmp_path / "nowhere")
    kept = OutputFolder(out, overwrite=overwrite).keep("a.glb", saving(b"model"), sha256=None)
    assert kept.name == "a-4.glb"
    assert (out / "a.glb").is_dir()


def test_overwriting_is_possible_for_all_but_sources(out: Path) -> None:
    source = out / "b.glb"
    for name in ("a.glb", "b.glb"):
        (out / name).write_bytes(b"mine")
    folder = OutputFolder(out, overwrite=True, sources=[source])
    assert folder.keep("a.glb", saving(b"model"), sha256=None).name == "a.glb"
    assert folder.keep("b.glb", saving(b"model"), sha256=None).name == "b-2.glb"
    assert source.read_bytes() == b"mine"
    assert (out / "a.glb").read_bytes() == b"model"


def test_numbers_of_one_file_do_not_take_the_name_of_another(out: Path, records: Path) -> None:
    (out / "mug.glb").write_bytes(b"mine")
    for order in (["mug.glb", "mug-2.glb"], ["mug-2.glb", "mug.glb"]):
        folder = OutputFolder(out, records=records)
        names = {folder.keep(name, saving(name.encode()), sha256=None).name for name in order}
        assert len(names) == 2
        contents = {(out / name).read_bytes() for name in names}
        assert contents == {b"mug.glb", b"mug-2.glb"}
        assert (out / "mug.glb").read_bytes() == b"mine"


def test_file_made_of_something_else_stays(out: Path, records: Path) -> None:
    """Two pictures called mug.png, one after the other into one folder."""
    OutputFolder(out, records=records).keep("mug.glb", saving(b"1"), sha256=None, of="first")
    again = OutputFolder(out, records=records).keep(
        "mug.glb", saving(b"2"), sha256=None, of="second"
    )
    assert again.name == "mug-2.glb"
    same = OutputFolder(out, records=records).keep("mug.glb", saving(b"3"), sha256=None, of="first")
    assert same.name == "mug.glb"


def test_record_that_is_damaged_or_cannot_be_written_keeps_files(out: Path, tmp_path: Path) -> None:
    """What is not known to be ours is theirs; the command goes on."""
    broken = tmp_path / "records"
    OutputFolder(out, records=broken).keep("a.glb", saving(b"old"), sha256=None)
    [record] = broken.iterdir()
    record.write_bytes(b'{"name": "a.gl')
    assert (
        OutputFolder(out, records=broken).keep("a.glb", saving(b"n"), sha256=None).name != "a.glb"
    )
    in_the_way = tmp_path / "file"
    in_the_way.write_bytes(b"")
    kept = OutputFolder(out, records=in_the_way).keep("b.glb", saving(b"b"), sha256=None)
    assert kept.name == "b.glb"


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
