"""Whatever is wrong with an archive is found and named."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from image2model.core.ids import OwnerId
from image2model.jobs.archives.check import check_archive, faults_of_name
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.jobs.archives.send import open_archive
from tests.harness.rig import Rig

ANNA = OwnerId("key:anna")


@pytest.fixture
def archive(rig: Rig, tmp_path: Path) -> Path:
    """An archive of two models as they are downloaded."""
    path = tmp_path / "models.zip"
    path.write_bytes(anyio.run(_archive_of_two, rig))
    return path


async def _archive_of_two(rig: Rig) -> bytes:
    job = await rig.submit(ANNA, "mug", "jug")
    await rig.run_dispatched()
    request = ArchiveRequest(formats=["glb", "stl"], pictures=True)
    opened = await open_archive(rig.context, ANNA, job.id, request)
    return b"".join([chunk async for chunk in opened.read()])


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Pack the archive at *path* again after *change*."""
    with zipfile.ZipFile(path) as before:
        files = {name: before.read(name) for name in before.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as after:
        for name, content in files.items():
            after.writestr(name, content)


def faults(path: Path) -> list[tuple[str, str]]:
    return [(fault.path, fault.reason) for fault in check_archive(path).faults]


def test_archive_as_downloaded_is_fine(archive: Path) -> None:
    checked = check_archive(archive)
    assert (checked.files, checked.faults) == (10, ())
    with zipfile.ZipFile(archive) as files:
        assert checked.size_bytes == sum(one.file_size for one in files.infolist())


def test_every_flipped_byte_is_noticed(archive: Path) -> None:
    whole = archive.read_bytes()
    for at in range(0, len(whole), 211):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        archive.write_bytes(damaged)
        checked = check_archive(archive)
        # Times, attributes and the writer's version in the directory say nothing of the files.
        unchanged = zipfile.is_zipfile(archive) and _same_files(whole, bytes(damaged))
        assert checked.faults or unchanged, at


def _same_files(whole: bytes, damaged: bytes) -> bool:
    def read(data: bytes) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(data)) as files:
            return {name: files.read(name) for name in files.namelist()}

    try:
        return read(damaged) == read(whole)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        return False


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_broken_download(archive: Path, share: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    assert "download it again" in faults(archive)[0][1]


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (lambda files: files.pop("mug.stl"), "mug.stl", "not in the archive"),
        (lambda files: files.update({"x.txt": b"x"}), "x.txt", "not in the manifest"),
        (lambda files: files.update({"mug.stl": b"x" * 9}), "mug.stl", "9 bytes instead of"),
        (lambda files: files.update({"mug.glb": files["jug.glb"]}), "mug.glb", "SHA-256"),
        (
            lambda files: files.update({"mug.preview.webp": files["mug.glb"]}),
            "mug.preview.webp",
            "no webp picture",
        ),
        (lambda files: files.pop("manifest.json"), "manifest.json", "missing or damaged"),
        (
            lambda files: files.update({"manifest.json": b"[" * 100_000}),
            "manifest.json",
            "cannot be understood",
        ),
        (
            lambda files: files.update({"manifest.json": json.dumps({"items": []}).encode()}),
            "manifest.json",
            "cannot be understood",
        ),
        (lambda files: files.update({"MUG.glb": b"x"}), "MUG.glb", "same name as mug.glb"),
        (lambda files: files.update({"mug.glb/x.txt": b"x"}), "mug.glb", "a file and a folder"),
    ],
)
def test_what_is_wrong_is_said(
    archive: Path, change: Callable[[dict[str, bytes]], Any], path: str, reason: str
) -> None:
    rewrite(archive, lambda files: change(files) and None)
    assert any(path == where and reason in said for where, said in faults(archive)), faults(archive)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../x.glb", "leads out"),
        ("/x.glb", "leads out"),
        ("a//x.glb", "leads out"),
        ("C:x.glb", "Windows does not allow"),
        ("a\\x.glb", "Windows does not allow"),
        ("a/x.glb ", "a dot or a space"),
        ("a./x.glb", "a dot or a space"),
        ("aux.glb", "a device"),
        ("茶" * 90, "too long"),
    ],
)
def test_names_that_do_not_work_everywhere(path: str, reason: str) -> None:
    assert any(reason in said for said in faults_of_name(path))


@pytest.mark.parametrize("path", ["mug.glb", "a b/茶壶 (2).obj.zip", "auxiliary/con-2.stl"])
def test_names_that_do(path: str) -> None:
    assert list(faults_of_name(path)) == []
