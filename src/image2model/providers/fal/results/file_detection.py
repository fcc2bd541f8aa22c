"""Know files by their bytes: what services call them is often wrong."""

import re

from image2model.geometry.formats.detection import mesh_format

MESH_FORMATS = frozenset({"glb", "fbx", "obj", "stl", "ply", "usdz", "splat"})
PICTURE_FORMATS = frozenset({"png", "jpg", "webp", "avif"})

_PICTURES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "webp"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "avif"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_OBJ = re.compile(rb"^(v|vn|vt|f|mtllib|usemtl)[ \t]+\S", re.MULTILINE)
_MTL = re.compile(rb"^newmtl[ \t]+\S", re.MULTILINE)
_SPLAT_BYTES = 32


def sniff(head: bytes, *, size_bytes: int, hint: str = "") -> str:
    """
    Tell a file's format.

    Args:
        head: Its first bytes, `HEAD_BYTES` of `geometry.formats.detection` if it has as many.
        size_bytes: Its length.
        hint: What it is called, for a format without any signature.

    Returns:
        Its usual extension; "": not known, "html" for a page of the web.
    """
    for pattern, name in _PICTURES:
        if pattern.match(head):
            return name
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower().startswith(_PAGES):
        return "html"
    known = mesh_format(head, size_bytes=size_bytes) or _loose_text(head)
    if not known and hint.lower().endswith(".splat") and size_bytes % _SPLAT_BYTES == 0:
        return "splat" if size_bytes else ""
    return known


def _loose_text(head: bytes) -> str:
    """Know what goes with an OBJ file, and one that begins with other lines than most do."""
    if b"\x00" in head:
        return ""
    if _MTL.search(head):
        return "mtl"
    return "obj" if _OBJ.search(head) else ""
