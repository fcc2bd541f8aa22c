"""Know files by their bytes: what services call them is often wrong."""

import re
import struct

HEAD_BYTES = 4096
"""This much of a file is enough to know it."""

MESH_FORMATS = frozenset({"glb", "fbx", "obj", "stl", "ply", "usdz", "splat"})
PICTURE_FORMATS = frozenset({"png", "jpg", "webp", "avif"})

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"glTF", "glb"),
    (b"Kaydara FBX Binary", "fbx"),
    (b"; FBX", "fbx"),
    (b"ply\n", "ply"),
    (b"ply\r", "ply"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
)
_OBJ = re.compile(rb"^(v|vn|vt|f|mtllib|usemtl)[ \t]+\S", re.MULTILINE)
_MTL = re.compile(rb"^newmtl[ \t]+\S", re.MULTILINE)
_SPLAT_BYTES = 32


def sniff(head: bytes, *, size_bytes: int, hint: str = "") -> str:
    """
    Tell a file's format.

    Args:
        head: Its first bytes, `HEAD_BYTES` of them if it has as many.
        size_bytes: Its length.
        hint: What it is called, for a format without any signature.

    Returns:
        Its usual extension; "": not known, "html" for a page of the web.
    """
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head.startswith(b"PK\x03\x04"):
        return "usdz" if _first_member(head).endswith((b".usdc", b".usda", b".usd")) else "zip"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:12] in {b"ftypavif", b"ftypavis"}:
        return "avif"
    return _text_format(head) or _bare_format(head, size_bytes=size_bytes, hint=hint)


def glb_length(head: bytes) -> int | None:
    """Read how long a GLB file says it is (glTF 2.0, 4.4.1); None: it has no header."""
    if len(head) < 12 or not head.startswith(b"glTF"):
        return None
    length: int = struct.unpack_from("<I", head, 8)[0]
    return length


def _first_member(head: bytes) -> bytes:
    if len(head) < 30:
        return b""
    name_bytes = struct.unpack_from("<H", head, 26)[0]
    return head[30 : 30 + name_bytes].lower()


def _text_format(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        return "html"
    if b"\x00" in head:
        return ""
    if head.startswith(b"solid") and b"facet" in head:
        return "stl"
    if _MTL.search(head):
        return "mtl"
    return "obj" if _OBJ.search(head) else ""


def _bare_format(head: bytes, *, size_bytes: int, hint: str) -> str:
    if len(head) >= 84 and size_bytes == 84 + 50 * struct.unpack_from("<I", head, 80)[0]:
        return "stl"
    if hint.lower().endswith(".splat") and size_bytes and size_bytes % _SPLAT_BYTES == 0:
        return "splat"
    return ""
