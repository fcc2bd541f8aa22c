"""ZIP files written by hand are read by others, whatever their sizes."""

import io
import struct
import subprocess
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.documents.zip_writer import Deflater, Packed, ZipWriter

NOON = datetime(2026, 11, 21, 12, 30, 58, tzinfo=UTC)
GIGABYTE = 1_000_000_000


def stored(content: bytes) -> Packed:
    size = len(content)
    return Packed(size_bytes=size, packed_bytes=size, crc32=zlib.crc32(content))


def write(files: dict[str, bytes], *, streamed: bool = False, limit_bytes: int = 1000) -> bytes:
    """Write an archive of *files*; *streamed*: as if their sizes came last."""
    writer, out = ZipWriter(NOON), b""
    for path, content in files.items():
        if not streamed:
            out += writer.begin(path, stored(content)) + content
            continue
        packer = Deflater()
        out += writer.begin_unknown(path, limit_bytes=limit_bytes)
        out += packer.pack(content[:7]) + packer.pack(content[7:]) + packer.finish()
        out += writer.end_unknown(packer.packed)
    return out + writer.finish()


@given(
    files=st.dictionaries(
        st.text("abcÄ茶🫖 /", min_size=1, max_size=20), st.binary(max_size=300), max_size=5
    ),
    streamed=st.booleans(),
    limit_bytes=st.sampled_from([1000, 5 * GIGABYTE]),
)
def test_what_was_written_is_read(
    files: dict[str, bytes], *, streamed: bool, limit_bytes: int
) -> None:
    data = write(files, streamed=streamed, limit_bytes=limit_bytes)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert all(one.date_time == (2026, 11, 21, 12, 30, 58) for one in archive.infolist())


@pytest.mark.skipif(which("unzip") is None, reason="unzip is not installed")
@pytest.mark.parametrize("limit_bytes", [1000, 5 * GIGABYTE])
@pytest.mark.parametrize("streamed", [False, True])
def test_info_zip_reads_it(tmp_path: Path, *, streamed: bool, limit_bytes: int) -> None:
    path = tmp_path / "a.zip"
    files = {"a/kettle.glb": bytes(5000), "Ünï.txt": b"text"}
    path.write_bytes(write(files, streamed=streamed, limit_bytes=limit_bytes))
    said = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_beyond_four_gigabytes(tmp_path: Path) -> None:
    """Zip64: a file of 5 GB (a hole on disk), one behind it, and the directory behind both."""
    path, writer = tmp_path / "large.zip", ZipWriter(NOON)
    large = Packed(size_bytes=5 * GIGABYTE, packed_bytes=5 * GIGABYTE, crc32=7)
    with path.open("wb") as out:
        out.write(writer.begin("large.glb", large))
        out.seek(5 * GIGABYTE, io.SEEK_CUR)
        out.write(writer.begin("small.txt", stored(b"small")) + b"small" + writer.finish())
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("large.glb").file_size == 5 * GIGABYTE
        assert archive.read("small.txt") == b"small"
        with archive.open("large.glb") as file:
            assert file.read(3) == bytes(3)


def test_more_files_than_sixteen_bits_count() -> None:
    writer, out = ZipWriter(NOON), bytearray()
    for number in range(70_000):
        out += writer.begin(str(number), stored(b""))
    out += writer.finish()
    with zipfile.ZipFile(io.BytesIO(out)) as archive:
        assert len(archive.namelist()) == 70_000


def test_sizes_stand_before_what_is_known() -> None:
    """Readers that take an archive in one pass need them there for stored files."""
    signature, _, flags, method = struct.unpack_from("<IHHH", write({"a": b"content"}))
    assert (signature, flags & 8, method) == (0x04034B50, 0, 0)
    flags, method = struct.unpack_from("<HH", write({"a": b"content"}, streamed=True), 6)
    assert (flags & 8, method) == (8, 8)


def test_times_before_what_zip_can_tell() -> None:
    writer = ZipWriter(datetime(1970, 1, 1, tzinfo=UTC))
    data = writer.begin("a", stored(b"")) + writer.finish()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)
