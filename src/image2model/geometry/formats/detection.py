"""Tell what kind of 3D file some bytes begin."""

import re
import struct

HEAD_BYTES = 65_536
"""How many of a file's first bytes are enough; text files begin with long remarks at times."""

_GLB_HEADER = struct.Struct("<4sII")
_STL_HEADER_BYTES = 80
_STL_TRIANGLE_BYTES = 50

_TEXT_START = rb"(?:\xef\xbb\xbf)?\s*"
_NEWLINE = rb"[ \t]*(?:\r\n|\r|\n)"

_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"Kaydara FBX Binary|; FBX \d"), "fbx"),
    (re.compile(rb"PK\x03\x04.{26}[^\0]{0,200}\.usd[ac]?", re.DOTALL), "usdz"),
    (re.compile(rb"PK\x03\x04"), "zip"),
    (re.compile(rb"PXR-USDC"), "usdc"),
    (re.compile(rb"#usda"), "usda"),
    (re.compile(rb"ply" + _NEWLINE + rb"\s*(?:format|comment|obj_info)\b"), "ply"),
    (
        re.compile(
            _TEXT_START + rb"solid(?:[ \t][^\r\n]*)?[\r\n]\s*(?:facet\s|endsolid)", re.IGNORECASE
        ),
        "stl",
    ),
    (re.compile(_TEXT_START + rb'\{.*?"asset"\s*:', re.DOTALL), "gltf"),
)

_OBJ_DATA = frozenset({b"v", b"vn", b"vt", b"vp", b"f", b"l", b"p"})
_OBJ_OTHERS = frozenset(
    b"o g s mg lod mtllib usemtl maplib usemap shadow_obj trace_obj bevel c_interp d_interp "
    b"cstype deg bmat step curv curv2 surf parm trim hole scrv sp end con call csh ctech stech "
    b"bzp bsp cdc cdp res".split()
)
"""Statements of OBJ files (Wavefront, "Object Files", appendix B1)."""

_REMARKS = re.compile(_TEXT_START + rb"(?:#[^\r\n]*\s+)*")
_JSON = re.compile(_TEXT_START + rb"\{")
_GLTF_KEY = re.compile(rb'"asset"\s*:')
_NUMBER = re.compile(rb"[-+]?\.?\d")


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
    # Its length is surer than its first word: some programs begin binary STL with "solid", too.
    if _is_binary_stl(head, size_bytes):
        return "stl"
    found = next((name for pattern, name in _KINDS if pattern.match(head)), None)
    return found or ("obj" if _is_obj(head) else None)


def file_format(data: bytes) -> str | None:
    """Name the format of a whole file, as `mesh_format` does, however long its remarks are."""
    found = mesh_format(data[:HEAD_BYTES], size_bytes=len(data))
    if found is None and len(data) > HEAD_BYTES:
        remarks = _REMARKS.match(data)
        start = remarks.end() if remarks else 0
        found = mesh_format(data[start : start + HEAD_BYTES], size_bytes=None)
        if found is None and _JSON.match(data) and _GLTF_KEY.search(data):
            found = "gltf"
    return found


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


def _is_obj(head: bytes) -> bool:
    """Tell whether there is a statement with numbers, after any that are known and remarks."""
    if b"\0" in head:
        return False
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        words = line.split(None, 2)
        if not words or words[0].startswith(b"#"):
            continue
        if words[0] in _OBJ_DATA:
            return len(words) > 1 and _NUMBER.match(words[1]) is not None
        if words[0] not in _OBJ_OTHERS:
            return False
    return False
