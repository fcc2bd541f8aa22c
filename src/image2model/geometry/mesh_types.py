"""Tell what kind of 3D file some bytes begin."""

import re
import struct

HEAD_BYTES = 4096
"""How many of a file's first bytes are enough."""

_GLB_HEADER = struct.Struct("<4sII")
_STL_HEADER_BYTES = 80
_STL_TRIANGLE_BYTES = 50

_TEXT_START = rb"(?:\xef\xbb\xbf)?\s*"
_OBJ_LINES = rb"(?:#[^\n]*\n|\s*\n|(?:mtllib|usemtl|o|g|s)\s[^\n]*\n)*"

_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"Kaydara FBX Binary|; FBX \d"), "fbx"),
    (re.compile(rb"PK\x03\x04.{26}[^\0]{0,200}\.usd[ac]?", re.DOTALL), "usdz"),
    (re.compile(rb"PK\x03\x04"), "zip"),
    (re.compile(rb"PXR-USDC"), "usdc"),
    (re.compile(rb"#usda"), "usda"),
    (re.compile(rb"ply\r?\n(?:format|comment)"), "ply"),
    (re.compile(rb"solid[^\n]*\n\s*(?:facet\s|endsolid)"), "stl"),
    (re.compile(_TEXT_START + rb'\{.{0,4000}"asset"\s*:', re.DOTALL), "gltf"),
    (re.compile(_TEXT_START + _OBJ_LINES + rb"v\s+[-+.\d]"), "obj"),
)


def mesh_format(head: bytes, *, size_bytes: int | None) -> str | None:
    """
    Name the format of a 3D file by how it begins, whatever the file is called.

    Args:
        head: Its first bytes, `HEAD_BYTES` of them or all.
        size_bytes: Its whole length; None: not known. Binary STL is known by nothing else.

    Returns:
        The usual extension (`glb`, `fbx`, `obj`, …; `zip` for an archive), or None: none of those.
    """
    if glb_length(head) is not None:
        return "glb"
    found = next((name for pattern, name in _KINDS if pattern.match(head)), None)
    return found or ("stl" if _is_binary_stl(head, size_bytes) else None)


def glb_length(head: bytes) -> int | None:
    """
    Read the length in bytes that the header of a GLB file promises.

    None: *head* is no header of binary glTF 2.0 (glTF 2.0 specification, section 4.4.2).
    """
    if len(head) < _GLB_HEADER.size:
        return None
    magic, version, length = _GLB_HEADER.unpack_from(head)
    return int(length) if magic == b"glTF" and version == 2 else None


def _is_binary_stl(head: bytes, size_bytes: int | None) -> bool:
    if size_bytes is None or len(head) < _STL_HEADER_BYTES + 4:
        return False
    (triangles,) = struct.unpack_from("<I", head, _STL_HEADER_BYTES)
    expected = _STL_HEADER_BYTES + 4 + _STL_TRIANGLE_BYTES * int(triangles)
    return bool(triangles) and size_bytes == expected
