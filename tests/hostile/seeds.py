"""Small whole files of every kind that is read: what hostile ones are made of."""

import base64
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import DracoPy
import numpy as np
import openpyxl
from PIL import Image, ImageCms, PngImagePlugin

from image2model.core.job import Description
from image2model.geometry.conversion.export import make_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.gltf.writer import write_glb
from tests.geometry.glb_files import SQUARE, Builder, square
from tests.geometry.picture_files import scene
from tests.geometry.sample_meshes import pbr_material, wedge
from tests.geometry.seamed_shapes import uv_sphere

PICTURE_KINDS = ("JPEG", "PNG", "WEBP", "AVIF")


@cache
def glb() -> bytes:
    """Write a textured model."""
    return write_glb(
        replace(uv_sphere(around=6, rows=4), material=pbr_material(size_px=16, kind="png"))
    )


def as_format(name: str) -> bytes:
    """Write the same model in another format, one of several files as an archive of them."""
    return make_file(glb(), Conversion(format=name), Description(name="seed")).content


def plain_glb() -> bytes:
    """Write a square with colours and normals, in a file of little else."""
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    colors = np.full((4, 4), 200, np.uint8)
    made = square()
    made.document["meshes"][0]["primitives"].clear()
    faces = np.array([0, 1, 2, 0, 2, 3], "<u2")
    made.primitive(POSITION=SQUARE, NORMAL=normals, COLOR_0=colors, indices=faces)
    made.document["accessors"][2]["normalized"] = True
    made.document["nodes"] = [{"children": [1]}, {"mesh": 0, "translation": [1, 2, 3]}]
    return made.glb()


def draco_glb() -> bytes:
    """Write a model packed by Draco."""
    mesh = wedge()
    packed = DracoPy.encode(mesh.positions, mesh.faces)
    made = Builder()
    view = made.view(packed)
    made.document["accessors"] = [
        {"componentType": 5126, "count": len(mesh.positions), "type": "VEC3"},
        {"componentType": 5125, "count": mesh.faces.size, "type": "SCALAR"},
    ]
    packing = {"bufferView": view, "attributes": {"POSITION": 0}}
    made.document["meshes"][0]["primitives"] = [
        {
            "attributes": {"POSITION": 0},
            "indices": 1,
            "extensions": {"KHR_draco_mesh_compression": packing},
        }
    ]
    made.document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    return made.glb()


def gltf() -> bytes:
    """Write a model as JSON that holds its arrays."""
    made = square()
    data = made.glb()
    length = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + length])
    document["buffers"][0]["uri"] = (
        "data:application/octet-stream;base64," + base64.b64encode(made.binary).decode()
    )
    return json.dumps(document).encode()


def picture(kind: str) -> bytes:
    """Draw a picture with metadata of every sort."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8769] = 6, "description", {0x9286: b"comment"}
    options: dict[str, object] = {"exif": exif.tobytes()}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "words " * 20, zip=True)
        text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
        options["pnginfo"] = text
    else:
        options["xmp"] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    out = io.BytesIO()
    Image.fromarray(scene(64, 64)).save(out, kind, icc_profile=icc_profile(), **options)
    return out.getvalue()


@cache
def icc_profile() -> bytes:
    """Write a colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


ROWS: Sequence[Sequence[object]] = (
    ("picture", "name", "height_mm", "note"),
    ("mug.png", "Mug", 95.5, "a note"),
    ("cup.png", "Cup", 80, "1+1"),
)


def csv() -> bytes:
    """Write a spreadsheet as CSV."""
    return "\r\n".join(",".join(map(str, row)) for row in ROWS).encode()


def xlsx() -> bytes:
    """Write a spreadsheet as a workbook."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in ROWS:
        book.active.append(list(row))
    book.active["C2"].number_format = '#,##0.00 "mm"'
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(files: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack files into an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """Read the files of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


PLY = b"""ply
format ascii 1.0
comment made by hand
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 2
property list uchar int vertex_indices
end_header
0 0 0 255 0 0
1 0 0 0 255 0
1 1 0 0 0 255
0 1 0 9 9 9
3 0 1 2
3 0 2 3
"""

OBJ = b"""mtllib it.mtl
o thing
v 0 0 0 1 0 0
v 1 0 0 1 1 0
v 1 1 0 0 1 0
v 0 1 0 0 0 1
vt 0 0
vt 1 0
vt 1 1
vn 0 0 1
usemtl red
f 1/1/1 2/2/1 3/3/1 4/1/1
f -4//1 -3//1 -2//1
"""

STL = b"""solid thing
facet normal 0 0 1
outer loop
vertex 0 0 0
vertex 1 0 0
vertex 1 1 0
endloop
endfacet
facet normal 0 0 1
outer loop
vertex 0 0 0
vertex 1 1 0
vertex 0 1 0
endloop
endfacet
endsolid thing
"""
