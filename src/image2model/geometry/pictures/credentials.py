"""Find what a picture file says of its own origin: C2PA credentials and the digital source type."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from image2model.geometry.pictures.types import PictureType

_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_LEAD = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION_LEAD = b"http://ns.adobe.com/xmp/extension/\0"
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_XMP_PACKET = re.compile(rb"<x:xmpmeta.{0,1000000}?</x:xmpmeta>", re.DOTALL)
_LARGEST_TEXT_BYTES = 4 * 2**20

# As an attribute, as text, or as a resource (XMP part 1, 7.5 and 7.9.2.5).
_IN_XMP = re.compile(
    rb"DigitalSourceType\b(?:\s*=\s*[\"']|\s+(?:\w+:)?resource\s*=\s*[\"']|[^<>]*>\s*)"
    rb"(?:https?://[^\s\"'<>]*/)?([A-Za-z][\w-]*)"
)
_IN_MANIFEST = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z][\w-]*)")
_GENERATED = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "algorithmicMedia",
        "algorithmicallyEnhanced",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """
    What a picture file said of its own origin; nothing of it is verified.

    Attributes:
        kinds: `C2PA` for a signed manifest, `XMP` where XMP tells the source type.
        source_type: The IPTC digital source type, such as `trainedAlgorithmicMedia`; "": unsaid.
    """

    kinds: tuple[str, ...]
    source_type: str = ""

    @property
    def note(self) -> str:
        """Say it to people, without a stop."""
        names = {"C2PA": "content credentials (C2PA)", "XMP": "a statement of its source (XMP)"}
        carried = " and ".join(names[kind] for kind in self.kinds)
        source = f", which call it {self.source_type}" if self.source_type else ""
        made = " (made or changed by software)" if self.source_type in _GENERATED else ""
        return (
            f"it carries {carried}{source}{made}; models do not carry them on, "
            "the manifest of the archive names them"
        )


def read_credentials(kind: PictureType, data: bytes) -> Credentials | None:
    """
    Look for credentials in the metadata of a picture.

    Args:
        kind: The type of the file.
        data: The file as it was uploaded. Damage is passed over: it is judged elsewhere.

    Returns:
        What was found, or None.
    """
    manifests, texts = list[bytes](), list[bytes]()
    for is_manifest, block in _BLOCKS[kind](data):
        (manifests if is_manifest else texts).append(block)
    in_xmp = _first(_IN_XMP, texts)
    source_type = _first(_IN_MANIFEST, manifests) or in_xmp
    kinds = (("C2PA",) if manifests else ()) + (("XMP",) if in_xmp else ())
    return Credentials(kinds=kinds, source_type=source_type) if kinds else None


def _first(pattern: re.Pattern[bytes], blocks: list[bytes]) -> str:
    for block in blocks:
        if found := pattern.search(block):
            return found[1].decode("ascii", "replace")[:100]
    return ""


def _in_jpeg(data: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield the C2PA and XMP segments in front of the first scan (C2PA 2.1, A.3.1)."""
    position, manifest = 2, list[bytes]()
    while (head := data[position : position + 4])[:1] == b"\xff" and len(head) == 4:
        if head[1] == 0xFF:
            position += 1
            continue
        stop = position + 2 + int.from_bytes(head[2:], "big")
        body = data[position + 4 : stop]
        if head[1] == 0xEB and body.startswith(b"JP"):
            # Behind eight bytes of numbering, each part repeats the header of the first.
            part = body[8:]
            repeats = bool(manifest) and part[:8] == manifest[0][:8]
            manifest.append(part[8:] if repeats else part)
        elif head[1] == 0xE1 and body.startswith((_XMP_LEAD, _XMP_EXTENSION_LEAD)):
            yield False, body
        if head[1] == 0xDA or stop < position + 4:
            break
        position = stop
    # A manifest larger than a segment is split, and only its first part names it.
    if manifest:
        yield True, b"".join(manifest)


def _in_png(data: bytes) -> Iterator[tuple[bool, bytes]]:
    position = 8
    while len(head := data[position : position + 8]) == 8:
        size, name = int.from_bytes(head[:4], "big"), head[4:]
        body = data[position + 8 : position + 8 + size]
        if name == b"caBX":
            yield True, body
        elif name == b"iTXt" and body.startswith(_XMP_KEYWORD):
            yield False, _unpack_text(body)
        position += 12 + size


def _unpack_text(body: bytes) -> bytes:
    start = len(_XMP_KEYWORD)
    compressed = body[start : start + 1] == b"\1"
    text = body[start + 2 :].split(b"\0", 2)[-1]
    if not compressed:
        return text
    try:
        return zlib.decompressobj().decompress(text, _LARGEST_TEXT_BYTES)
    except zlib.error:
        return b""


def _in_webp(data: bytes) -> Iterator[tuple[bool, bytes]]:
    position = 12
    while len(head := data[position : position + 8]) == 8:
        size, name = int.from_bytes(head[4:], "little"), head[:4]
        body = data[position + 8 : position + 8 + size]
        if name == b"C2PA":
            yield True, body
        elif name == b"XMP ":
            yield False, body
        position += 8 + size + size % 2


def _in_boxes(data: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield the C2PA box (C2PA 2.1, A.5.1) and XMP packets, wherever they lie."""
    position = 0
    while len(head := data[position : position + 24]) >= 8:
        size = int.from_bytes(head[:4], "big") or len(data)
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:
            break
        if head[4:8] == b"uuid" and head[8:24] == _C2PA_UUID:
            yield True, data[position + 24 : position + size]
        position += size
    for found in _XMP_PACKET.finditer(data):
        yield False, found[0]


_BLOCKS = {
    PictureType.JPEG: _in_jpeg,
    PictureType.PNG: _in_png,
    PictureType.WEBP: _in_webp,
    PictureType.AVIF: _in_boxes,
    PictureType.HEIC: _in_boxes,
}
