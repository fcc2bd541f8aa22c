"""Files that a result may hold instead of a GLB: other formats, pages, broken and huge ones."""

import functools
import io
import struct
import zipfile

from image2model.testing.fal_simulator.glb import build_png

_BLOCK = bytes(1 << 20)

OBJ = b"""mtllib model.mtl
o tetrahedron
v 1 1 1
v -1 -1 1
v -1 1 -1
v 1 -1 -1
usemtl skin
f 1 2 4
f 1 3 2
f 1 4 3
f 2 3 4
"""

MTL = b"newmtl skin\nKd 0.8 0.6 0.4\nmap_Kd texture.png\n"

FBX = b"Kaydara FBX Binary  \x00\x1a\x00" + (7400).to_bytes(4, "little") + bytes(160)
"""The signature and version of a binary FBX file with an empty node list."""

PLY = b"""ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
end_header
0 0 0
1 0 0
0 1 0
"""

STL = b"image2model fal simulator".ljust(80) + struct.pack(
    "<I12fH", 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0
)
"""Header, number of triangles; a normal, three corners and no attributes."""

HTML = b"<!doctype html><title>Sorry</title><h1>This page is having a bad day</h1>\n"


@functools.cache
def preview_png() -> bytes:
    """Return the picture that stands for every preview and texture."""
    return build_png(size_px=64)


@functools.cache
def zipped_obj() -> bytes:
    """Return an archive with an OBJ, its material file and its texture."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model.obj", OBJ)
        archive.writestr("model.mtl", MTL)
        archive.writestr("texture.png", preview_png())
    return stream.getvalue()


def file_in_format(format_name: str) -> tuple[bytes, ...]:
    """Return a small file: obj, mtl, fbx, ply, splat, stl, usdz, zip, png or html."""
    made = {
        "obj": OBJ,
        "mtl": MTL,
        "fbx": FBX,
        "ply": PLY,
        "splat": PLY,
        "stl": STL,
        "html": HTML,
        "png": preview_png(),
        "zip": zipped_obj(),
        "usdz": zipped_obj(),
    }
    return (made[format_name],)


def oversized(start: tuple[bytes, ...], *, size_bytes: int) -> tuple[bytes, ...]:
    """
    Return *start* followed by zeros up to *size_bytes*.

    The zeros are one shared block, so a file of many gigabytes costs no memory here.
    """
    missing = max(0, size_bytes - sum(map(len, start)))
    return (*start, *[_BLOCK] * (missing // len(_BLOCK)), _BLOCK[: missing % len(_BLOCK)])
