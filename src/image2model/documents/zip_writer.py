"""The parts of a ZIP file that are not its files, made one by one while it is sent.

After PKWARE's APPNOTE.TXT 6.3.10. Where size and checksum of a file are known before it is sent,
they stand before it, which every reader understands; only what comes from elsewhere is followed by
them.
"""

import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

_LOCAL, _DESCRIPTOR, _CENTRAL = 0x04034B50, 0x08074B50, 0x02014B50
_END, _END_64, _LOCATOR_64 = 0x06054B50, 0x06064B50, 0x07064B50
_FOLLOWED_BY_SIZE, _UTF8_NAME = 1 << 3, 1 << 11
_MADE_ON_UNIX, _PLAIN_FILE = 3 << 8, 0o100644 << 16
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_ID = 0x0001


class Method(IntEnum):
    """How a file is packed."""

    STORED = 0
    DEFLATED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """
    What is said of a file's bytes.

    Attributes:
        size_bytes: Their length.
        packed_bytes: Their length in the archive.
        crc32: Their checksum.
        method: How they are packed.
    """

    size_bytes: int
    packed_bytes: int
    crc32: int
    method: Method = Method.STORED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    path: bytes
    offset: int
    flags: int
    packed: Packed


class ZipWriter:
    """
    Makes what stands before, between and after the files of one archive.

    Call `begin`, or `begin_unknown` and `end_unknown`, for every file in turn, and send each
    file's bytes between them; then `finish`.

    Args:
        modified_at: The time given to every file, with an accuracy of two seconds.
    """

    def __init__(self, modified_at: datetime) -> None:
        at = max(modified_at.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC))
        date = (at.year - 1980) << 9 | at.month << 5 | at.day
        self._time = struct.pack("<HH", at.hour << 11 | at.minute << 5 | at.second // 2, date)
        self._members: list[_Member] = []
        self._offset = 0
        self._open: tuple[bytes, bool] | None = None

    def begin(self, path: str, packed: Packed) -> bytes:
        """Announce a file of which everything is known; its bytes follow."""
        self._add(path.encode(), packed, flags=_UTF8_NAME)
        sizes = (packed.packed_bytes, packed.size_bytes)
        large = max(sizes) >= _FULL_32
        header = self._local(path.encode(), _UTF8_NAME, packed, sizes, large=large)
        self._offset += len(header) + packed.packed_bytes
        return header

    def begin_unknown(self, path: str, *, limit_bytes: int) -> bytes:
        """Announce a deflated file of at most *limit_bytes*; its bytes follow, then its end."""
        # A deflated file may be larger than its bytes, but never by a thousandth.
        large = limit_bytes + limit_bytes // 1000 >= _FULL_32
        self._open = path.encode(), large
        nothing = Packed(size_bytes=0, packed_bytes=0, crc32=0, method=Method.DEFLATED)
        flags = _UTF8_NAME | _FOLLOWED_BY_SIZE
        return self._local(path.encode(), flags, nothing, (0, 0), large=large)

    def end_unknown(self, packed: Packed) -> bytes:
        """Say what the file was that `begin_unknown` announced."""
        assert self._open is not None
        path, large = self._open
        self._open = None
        self._add(path, packed, flags=_UTF8_NAME | _FOLLOWED_BY_SIZE)
        form = "<IIQQ" if large else "<IIII"
        end = struct.pack(form, _DESCRIPTOR, packed.crc32, packed.packed_bytes, packed.size_bytes)
        header_bytes = 30 + len(path) + (20 if large else 0)
        self._offset += header_bytes + packed.packed_bytes + len(end)
        return end

    def finish(self) -> bytes:
        """Make the directory, which ends the archive."""
        directory = b"".join(map(self._central, self._members))
        count, size, start = len(self._members), len(directory), self._offset
        end_64 = b""
        if count >= _FULL_16 or max(size, start) >= _FULL_32:
            where = (count, count, size, start)
            end_64 = struct.pack("<IQHHIIQQQQ", _END_64, 44, 45, 45, 0, 0, *where)
            end_64 += struct.pack("<IIQI", _LOCATOR_64, 0, start + size, 1)
        few = min(count, _FULL_16)
        small = (min(size, _FULL_32), min(start, _FULL_32))
        return directory + end_64 + struct.pack("<IHHHHIIH", _END, 0, 0, few, few, *small, 0)

    def _add(self, path: bytes, packed: Packed, *, flags: int) -> None:
        member = _Member(path=path, offset=self._offset, flags=flags, packed=packed)
        self._members.append(member)

    def _local(
        self, path: bytes, flags: int, packed: Packed, sizes: tuple[int, int], *, large: bool
    ) -> bytes:
        extra = struct.pack("<HHQQ", _ZIP64_ID, 16, *reversed(sizes)) if large else b""
        shown = (_FULL_32, _FULL_32) if large else sizes
        head = struct.pack("<IHHH", _LOCAL, 45 if large else 20, flags, packed.method)
        tail = struct.pack("<IIIHH", packed.crc32, *shown, len(path), len(extra))
        return head + self._time + tail + path + extra

    def _central(self, member: _Member) -> bytes:
        packed = member.packed
        values = (packed.size_bytes, packed.packed_bytes, member.offset)
        large = [value for value in values if value >= _FULL_32]
        extra = b""
        if large:
            extra = struct.pack(f"<HH{len(large)}Q", _ZIP64_ID, 8 * len(large), *large)
        size, packed_size, offset = (min(value, _FULL_32) for value in values)
        version = 45 if large else 20
        head = struct.pack(
            "<IHHHH", _CENTRAL, _MADE_ON_UNIX | version, version, member.flags, packed.method
        )
        sizes = struct.pack("<III", packed.crc32, packed_size, size)
        lengths = struct.pack("<HHHHH", len(member.path), len(extra), 0, 0, 0)
        return (
            head
            + self._time
            + sizes
            + lengths
            + struct.pack("<II", _PLAIN_FILE, offset)
            + member.path
            + extra
        )


class Deflater:
    """
    Packs a file whose length nobody knows, without spending time on making it smaller.

    Deflated data tells where it ends, so readers that take an archive in one pass understand
    it; stored data with its length behind it many of them do not.
    """

    def __init__(self) -> None:
        self._packer = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._size = self._packed = self._crc32 = 0

    def pack(self, chunk: bytes) -> bytes:
        """Pack the next bytes."""
        self._size += len(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        return self._count(self._packer.compress(chunk))

    def finish(self) -> bytes:
        """End the data."""
        return self._count(self._packer.flush())

    @property
    def packed(self) -> Packed:
        """What was packed."""
        return Packed(
            size_bytes=self._size,
            packed_bytes=self._packed,
            crc32=self._crc32,
            method=Method.DEFLATED,
        )

    def _count(self, data: bytes) -> bytes:
        self._packed += len(data)
        return data
