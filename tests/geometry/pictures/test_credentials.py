"""What pictures say of their own origin is kept in words though the metadata goes."""

import zlib

import pytest

from image2model.geometry.pictures.credentials import Credentials
from image2model.geometry.pictures.picture import check_picture
from tests.geometry.picture_files import LIMITS, encode, png_chunk, scene

NEWSCODES = b"http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = "trainedAlgorithmicMedia"
JUMBF = b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa\0\x11\0\x10"
XMP = {
    "attribute": b'<x:xmpmeta><rdf:Description Iptc4xmpExt:DigitalSourceType="%b"/></x:xmpmeta>',
    "text": b"<x:xmpmeta><Iptc4xmpExt:DigitalSourceType>%b</Iptc4xmpExt:DigitalSourceType>"
    b"</x:xmpmeta>",
    "resource": b"<x:xmpmeta><Iptc4xmpExt:DigitalSourceType rdf:resource='%b'/></x:xmpmeta>",
}


def signed(kind: str, manifest: bytes) -> bytes:
    """A picture with a manifest where C2PA puts it."""
    data = encode(scene(), kind)
    if kind == "PNG":
        return data[:33] + png_chunk(b"caBX", manifest) + data[33:]
    if kind == "JPEG":
        half = len(manifest) // 2
        halves = (manifest[:half], manifest[:8] + manifest[half:])
        parts = [b"JP\0\1\0\0\0" + bytes([n + 1]) + part for n, part in enumerate(halves)]
        segments = b"".join(b"\xff\xeb" + (2 + len(p)).to_bytes(2, "big") + p for p in parts)
        return data[:2] + segments + data[2:]
    if kind == "WEBP":
        chunk = b"C2PA" + len(manifest).to_bytes(4, "little") + manifest
        chunk += b"\0" * (len(manifest) % 2)
        size = int.from_bytes(data[4:8], "little") + len(chunk)
        return data[:4] + size.to_bytes(4, "little") + data[8:] + chunk
    box = b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + manifest
    return data + (4 + len(box)).to_bytes(4, "big") + box


def described(kind: str, xmp: bytes) -> bytes:
    """A picture with XMP."""
    if kind != "PNG":
        return encode(scene(), kind, xmp=xmp)
    data = encode(scene(), "PNG")
    return data[:33] + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) + data[33:]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_signed_pictures_are_recognised(kind: str) -> None:
    plain = check_picture(signed(kind, JUMBF), limits=LIMITS)
    assert plain.credentials == Credentials(kinds=("C2PA",))
    assert b"c2pa" not in plain.data
    named = check_picture(
        signed(kind, JUMBF + b"\xa1qdigitalSourceTypex" + NEWSCODES + GENERATED.encode()),
        limits=LIMITS,
    )
    assert named.credentials == Credentials(kinds=("C2PA",), source_type=GENERATED)
    [note] = named.notes
    assert "C2PA" in note
    assert GENERATED in note


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("form", XMP)
def test_the_source_type_in_xmp_is_recognised(kind: str, form: str) -> None:
    for value in (NEWSCODES + GENERATED.encode(), GENERATED.encode()):
        checked = check_picture(described(kind, XMP[form] % value), limits=LIMITS)
        assert checked.credentials == Credentials(kinds=("XMP",), source_type=GENERATED)


def test_compressed_xmp_is_read() -> None:
    data = encode(scene(), "PNG")
    packed = zlib.compress(XMP["text"] % (NEWSCODES + b"digitalCapture"))
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed)
    checked = check_picture(data[:33] + chunk + data[33:], limits=LIMITS)
    assert checked.credentials == Credentials(kinds=("XMP",), source_type="digitalCapture")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_pictures_that_say_nothing_have_none(kind: str) -> None:
    for data in (encode(scene(), kind), described(kind, b"<x:xmpmeta>a cup</x:xmpmeta>")):
        checked = check_picture(data, limits=LIMITS)
        assert checked.credentials is None
        assert checked.notes == ()
