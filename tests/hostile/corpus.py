"""
Files that strangers may send to do harm, made here: none is kept, and none depends on chance.

`python -m tests.hostile.corpus FOLDER` writes them all, to be tried by hand.
"""

import base64
import io
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from tests.geometry.glb_files import SQUARE, Builder, pack, pack_text, square
from tests.geometry.gltf.test_reader_hostile import CHANGES
from tests.geometry.picture_files import bomb_png, encode, png_chunk, scene
from tests.hostile import seeds

Kind: TypeAlias = Literal["picture", "model", "sheet"]
_MANY = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """
    A hostile file.

    Attributes:
        name: What it is.
        kind: What it pretends to be.
        make: Makes it.
    """

    name: str
    kind: Kind
    make: Callable[[], bytes]


def corpus() -> Iterator[Hostile]:
    """List all of them."""
    for kind, files in (("picture", _pictures()), ("model", _models()), ("sheet", _sheets())):
        for name, make in files.items():
            yield Hostile(name=f"{kind}: {name}", kind=kind, make=make)  # type: ignore[arg-type]


# --- pictures -----------------------------------------------------------------------------------


def _pictures() -> Mapping[str, Callable[[], bytes]]:
    png = partial(seeds.picture, "PNG")
    files: dict[str, Callable[[], bytes]] = {
        "PNG of 20,000 by 20,000": lambda: bomb_png(20_000, 20_000),
        "PNG that says 2^31 by 2^31": lambda: _png_header(2**31 - 1, 2**31 - 1),
        "PNG of no width": lambda: _png_header(0, 64),
        "PNG whose pixels inflate to 100 MB more than it has": lambda: _png_with(
            IDAT=zlib.compress(bytes(_MANY * 10), 1)
        ),
        "PNG with a colour profile of 10 MB": lambda: _png_with(
            before=png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(_MANY)))
        ),
        "PNG with a colour profile that lies": lambda: _png_with(
            before=png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\xff\xff\xff\xff" * 100))
        ),
        "PNG with a text of 10 MB": lambda: _png_with(
            before=png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(_MANY)))
        ),
        "PNG with XMP of 10 MB": lambda: _png_with(
            before=png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(_MANY)))
        ),
        "PNG with 20,000 texts": lambda: _png_with(before=20_000 * png_chunk(b"tEXt", b"a\0b")),
        "PNG with a chunk of 4 GB": lambda: png()[:33] + b"\xff\xff\xff\xffIDAT" + png()[41:],
        "PNG with two headers": lambda: png()[:33] + png()[8:],
        "PNG without pixels": lambda: png()[:33] + png_chunk(b"IEND", b""),
        "PNG with wrong checksums": lambda: png().replace(b"IDAT", b"IDAT\0")[:-12],
        "PNG with EXIF that points at itself": lambda: _png_with(
            before=png_chunk(b"eXIf", _exif_in_a_circle())
        ),
        "APNG of 100,000 frames": lambda: _png_with(
            before=png_chunk(b"acTL", struct.pack(">II", 100_000, 0))
            + 2_000 * png_chunk(b"fcTL", struct.pack(">5I2H2B", 0, 64, 64, 0, 0, 1, 1, 0, 0))
        ),
        "PNG with a palette of nothing": lambda: (
            _png_header(64, 64, color_type=3)
            + png_chunk(b"PLTE", b"")
            + png_chunk(b"IDAT", zlib.compress(bytes(65 * 64)))
            + png_chunk(b"IEND", b"")
        ),
        "JPEG of 65,535 by 65,535": lambda: _jpeg_sized(65_535, 65_535),
        "JPEG of no height": lambda: _jpeg_sized(64, 0),
        "JPEG of 5,000 scans": _jpeg_of_scans,
        "JPEG with EXIF that points at itself": lambda: _jpeg_with(
            b"\xe1", b"Exif\0\0" + _exif_in_a_circle()
        ),
        "JPEG with EXIF of 65,535 entries": lambda: _jpeg_with(
            b"\xe1", b"Exif\0\0" + b"II*\0\x08\0\0\0\xff\xff" + bytes(60_000)
        ),
        "JPEG with a TIFF picture of 4 GB in its EXIF": lambda: _jpeg_with(
            b"\xe1",
            b"Exif\0\0II*\0\x08\0\0\0\x02\0"
            + _tiff_entry(0x0111, 2**32 - 1)
            + _tiff_entry(0x0117, 2**32 - 1)
            + bytes(4),
        ),
        "JPEG with 255 parts of a colour profile, out of order": lambda: _jpeg_with(
            *(b"\xe2", *(b"ICC_PROFILE\0" + bytes((255 - n, 255)) + b"x" for n in range(255)))
        ),
        "JPEG with XMP that expands": lambda: _jpeg_with(
            b"\xe1", b"http://ns.adobe.com/xap/1.0/\0" + _laughs("x:xmpmeta")
        ),
        "JPEG with a colour profile of wrong sizes": lambda: _jpeg_with(
            b"\xe2", b"ICC_PROFILE\0\1\1" + seeds.icc_profile()[:128] + b"\xff" * 400
        ),
        "JPEG with a table of no codes": lambda: _jpeg_with(b"\xc4", bytes(17)),
        "JPEG whose segment has no length": lambda: seeds.picture("JPEG")[:2] + b"\xff\xe1\0\0",
        "JPEG of markers only": lambda: b"\xff\xd8" + b"\xff\xd0" * 100_000 + b"\xff\xd9",
        "WebP that says it is 16,383 by 16,383": _webp_large,
        "WebP with a chunk of 4 GB": lambda: (
            b"RIFF\xff\xff\xff\xffWEBPVP8X\xff\xff\xff\xff" + bytes(100)
        ),
        "WebP animation of no frames": lambda: (
            b"RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x3f\0\0\x3f\0\0ANIM\x06\0\0\0" + bytes(6)
        ),
        "WebP with EXIF that points at itself": lambda: encode(
            scene(64, 64), "WEBP", exif=b"Exif\0\0" + _exif_in_a_circle()
        ),
        "AVIF that says it is 2^32 wide": lambda: _avif_with(
            b"ispe", struct.pack(">II", 2**32 - 1, 64)
        ),
        "AVIF with boxes in boxes": lambda: seeds.picture("AVIF")[:28] + _boxes(5_000),
        "AVIF with a box of 2^63": lambda: (
            seeds.picture("AVIF")[:28] + b"\0\0\0\1meta" + struct.pack(">Q", 2**63) + bytes(100)
        ),
        "AVIF with a box of no length": lambda: seeds.picture("AVIF")[:28] + b"\0\0\0\2meta",
        "HEIC of nothing": lambda: b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
        "GIF and HTML": lambda: b"GIF89a/*\x40\0\x40\0*/=1;</script><script>alert(1)</script>",
        "JPEG and ZIP": lambda: seeds.picture("JPEG") + seeds.zipped({"a.html": b"<script>"}),
        "PNG and HTML": lambda: _png_with(
            before=png_chunk(b"tEXt", b"Comment\0<script>alert(document.domain)</script>")
        ),
        "PNG and PHP behind its end": lambda: png() + b"<?php system($_GET[0]); ?>",
        "PDF and JPEG": lambda: b"%PDF-1.7\n" + seeds.picture("JPEG"),
        "SVG with a script": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "SVG that expands": lambda: _laughs("svg"),
        "HTML called a picture": lambda: b"<!doctype html><script>alert(1)</script>",
        "MVG that reads a file": lambda: b"push graphic-context\nimage over 0,0 0,0 '/etc/passwd'",
        "EPS that runs a program": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file",
        "BMP of 2^31": lambda: (
            b"BM"
            + struct.pack("<IHHIIiiHH", 100, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24)
            + bytes(24)
        ),
        "TIFF whose directory points at itself": _exif_in_a_circle,
        "ICO with a PNG bomb": lambda: (
            struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, 2000, 22)
            + bomb_png(9_000, 9_000)
        ),
        "nothing at all": lambda: b"",
        "a million zeros": lambda: bytes(1_000_000),
        "PNG of noise in 16 bits, cut": lambda: _png_header(4_000, 4_000, depth=16) + bytes(5_000),
    }
    for kind in seeds.PICTURE_KINDS:
        whole = seeds.picture(kind)
        for eighth in range(1, 8):
            files[f"{kind} cut at {eighth}/8"] = partial(_cut, whole, eighth)
    return files


def _cut(whole: bytes, eighths: int) -> bytes:
    return whole[: len(whole) * eighths // 8]


def _png_header(width: int, height: int, *, depth: int = 8, color_type: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)


def _png_with(*, before: bytes = b"", IDAT: bytes | None = None) -> bytes:  # noqa: N803
    pixels = scene(64, 64)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    data = zlib.compress(rows) if IDAT is None else IDAT
    return _png_header(64, 64) + before + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def _exif_in_a_circle() -> bytes:
    """Write a TIFF directory that names itself as the next, and as its own details."""
    entries = b"".join(_tiff_entry(tag, 8) for tag in (0x8769, 0x8825, 0xA005, 0x014A))
    return b"II*\0\x08\0\0\0\x04\0" + entries + struct.pack("<I", 8)


def _tiff_entry(tag: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, 4, 1, value)


def _jpeg_with(marker: bytes, *bodies: bytes) -> bytes:
    data = seeds.picture("JPEG")
    parts = (b"\xff" + marker + struct.pack(">H", len(body) + 2) + body for body in bodies)
    return data[:2] + b"".join(parts) + data[2:]


def _jpeg_sized(width: int, height: int) -> bytes:
    data = bytearray(encode(scene(64, 64), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _jpeg_of_scans() -> bytes:
    data = encode(scene(64, 64), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + 5_000 * data[last:-2] + data[-2:]


def _webp_large() -> bytes:
    data = bytearray(encode(scene(64, 64), "WEBP"))
    frame = data.index(b"\x9d\x01\x2a")
    data[frame + 3 : frame + 7] = struct.pack("<HH", 16_383, 16_383)
    return bytes(data)


def _avif_with(box: bytes, body: bytes) -> bytes:
    data = bytearray(seeds.picture("AVIF"))
    at = data.index(box) + 8
    data[at : at + len(body)] = body
    return bytes(data)


def _boxes(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = struct.pack(">I4s", len(data) + 12, b"meta") + bytes(4) + data
    return data


# --- texts and archives -------------------------------------------------------------------------


def _laughs(root: str) -> bytes:
    """Write XML that doubles its size with each entity."""
    entities = "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' if n else '<!ENTITY a0 "ha">' for n in range(12)
    )
    return f'<?xml version="1.0"?><!DOCTYPE {root} [{entities}]><{root}>&a11;</{root}>'.encode()


def _reads_a_file(root: str) -> bytes:
    entity = '<!ENTITY x SYSTEM "file:///etc/passwd">'
    return f'<?xml version="1.0"?><!DOCTYPE {root} [{entity}]><{root}>&x;</{root}>'.encode()


def _with_sizes(data: bytes, size: int) -> bytes:
    """Have the directory of an archive say that its first member unpacks to *size*."""
    changed = bytearray(data)
    at = changed.index(b"PK\1\2")
    changed[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(changed)


def _overlapping(member: str, count: int) -> bytes:
    """Write an archive of many members that are all the same bytes, as David Fifield describes."""
    data = seeds.zipped({member: bytes(1_000_000)})
    start = data.index(b"PK\1\2")
    entry, end = data[start : data.index(b"PK\5\6")], bytearray(data[data.index(b"PK\5\6") :])
    entries = b"".join(
        entry.replace(member.encode(), f"{n:05}{member[5:]}".encode()) for n in range(count)
    )
    struct.pack_into("<HHII", end, 8, count, count, len(entries), start)
    return data[:start] + entries + bytes(end)


def _zip64_lies(member: str) -> bytes:
    """Write an archive whose directory says 2^63 bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(member, b"v 0 0 0\n")
        archive.filelist[0].file_size = 2**63 - 1
    return out.getvalue()


def _bomb_zip(files: Mapping[str, bytes]) -> bytes:
    return seeds.zipped(files)


def _nested(member: str, depth: int) -> bytes:
    data = seeds.zipped({member: seeds.OBJ})
    for _ in range(depth):
        data = seeds.zipped({"in.zip": data})
    return data


# --- models -------------------------------------------------------------------------------------


def _models() -> Mapping[str, Callable[[], bytes]]:
    files: dict[str, Callable[[], bytes]] = {
        f"GLB: {name}": partial(_changed, change) for name, change in CHANGES.items()
    }
    files |= {
        "GLB: says that it has 4 GB": lambda: (
            seeds.glb()[:8] + b"\xff\xff\xff\xff" + seeds.glb()[12:]
        ),
        "GLB: its JSON says that it has 4 GB": lambda: seeds.glb()[:12] + b"\xff\xff\xff\xffJSON",
        "GLB: 3 million values": lambda: pack_text(b'{"asset":[' + b"0," * 3_000_000 + b"0]}"),
        "GLB: 200,000 lists in lists": lambda: pack_text(b"[" * 200_000),
        "GLB: a chain of 4,000 nodes": lambda: _nodes([[n + 1] for n in range(4_000)] + [[]]),
        "GLB: nodes that double 40 times": lambda: _nodes(
            [[n + 1, n + 1] for n in range(40)] + [[]]
        ),
        "GLB: a buffer on this machine": lambda: _buffer_at("file:///etc/passwd"),
        "GLB: a buffer of another machine": lambda: _buffer_at("http://169.254.169.254/latest"),
        "GLB: a buffer above its folder": lambda: _buffer_at("../../../../etc/passwd"),
        "GLB: a buffer of a device": lambda: _buffer_at("/dev/zero"),
        "GLB: a buffer in its JSON that is too short": lambda: _buffer_at("data:;base64,AAAA"),
        "GLB: an image on this machine": lambda: _image(uri="file:///etc/passwd"),
        "GLB: an image of another machine": lambda: _image(uri="http://169.254.169.254/"),
        "GLB: an image of 20,000 by 20,000": lambda: _image(bomb_png(20_000, 20_000)),
        "GLB: an image in its JSON of 20,000 by 20,000": lambda: _image(
            uri="data:image/png;base64," + base64.b64encode(bomb_png(20_000, 20_000)).decode()
        ),
        "GLB: an image that is HTML": lambda: _image(b"<script>alert(1)</script>"),
        "GLB: an image that is a ZIP": lambda: _image(seeds.zipped({"a": b"b"})),
        "GLB: an image without end": lambda: _image(seeds.picture("JPEG")[:300]),
        "GLB: names that steer a terminal": _steering,
        "GLB: extras of 100 lists in lists": lambda: _with(extras=_deep(100)),
        "GLB: lone surrogates": lambda: _with(extras={"\ud800": "\udfff"}),
        "GLB: NaN written as a word": lambda: pack_text(b'{"asset":{"version":"2.0"},"x":NaN}'),
        "GLB: a number of 5,000 digits": lambda: pack_text(
            b'{"asset":{"version":' + b"9" * 5_000 + b"}}"
        ),
        "GLB: positions that are no numbers": lambda: _positions(np.nan),
        "GLB: positions without end": lambda: _positions(np.inf),
        "GLB: positions at the edge of floats": lambda: _positions(3e38),
        "GLB: a million morph targets": lambda: _primitive(targets=[{"POSITION": 0}] * 100_000),
        "GLB: a skin of joints in a circle": lambda: _with(
            skins=[{"joints": [0] * 5_000, "skeleton": 0}], nodes=[{"mesh": 0, "skin": 0}]
        ),
        "GLB: Draco that says it has 2^32 faces": lambda: seeds.draco_glb().replace(
            b"DRACO\2\2\1\1", b"DRACO\2\2\1\0"
        ),
        "GLB: Draco cut short": lambda: _draco_of(200),
        "GLB: Draco of zeros": lambda: _draco_of(0),
        "glTF: a buffer of 100 MB in few bytes": lambda: json.dumps(
            {
                "asset": {"version": "2.0"},
                "buffers": [{"byteLength": 10**9, "uri": "data:;base64," + "A" * 1_000_000}],
            }
        ).encode(),
        "glTF: beside a file that is not there": lambda: seeds.gltf().replace(b"data:", b"data/"),
        "PLY: a thousand million vertices": lambda: seeds.PLY.replace(
            b"vertex 4", b"vertex 999999999"
        ),
        "PLY: a negative number of faces": lambda: seeds.PLY.replace(b"face 2", b"face -2"),
        "PLY: 2^64 faces": lambda: seeds.PLY.replace(b"face 2", b"face 18446744073709551616"),
        "PLY: a face of 2^31 corners": lambda: seeds.PLY.replace(b"3 0 1 2", b"2147483647 0 1 2"),
        "PLY: a corner that is not there": lambda: seeds.PLY.replace(b"3 0 1 2", b"3 0 1 99"),
        "PLY: a negative corner": lambda: seeds.PLY.replace(b"3 0 1 2", b"3 0 1 -2"),
        "PLY: not a number": lambda: seeds.PLY.replace(b"1 1 0", b"nan inf 1e999"),
        "PLY: 100,000 properties": lambda: seeds.PLY.replace(
            b"property float x\n", b"property float x\n" + b"property float q\n" * 100_000
        ),
        "PLY: 100,000 elements": lambda: seeds.PLY.replace(
            b"end_header",
            b"element e 1000000\nproperty list uchar int v\n" * 20_000 + b"end_header",
        ),
        "PLY: a header without end": lambda: b"ply\nformat ascii 1.0\n" + b"comment x\n" * 200_000,
        "PLY: an element of no properties": lambda: seeds.PLY.replace(
            b"element face", b"element none 4000000000\nelement face"
        ),
        "PLY: binary that is a text": lambda: seeds.PLY.replace(b"ascii", b"binary_little_endian"),
        "OBJ: a corner before the first": lambda: b"v 0 0 0\nf -5 -4 -3\n",
        "OBJ: a corner beyond all": lambda: b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4000000000\n",
        "OBJ: a face of 100,000 corners": lambda: (
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf" + b" 1 2 3" * 33_000
        ),
        "OBJ: a line of 5 MB": lambda: b"v 0 0 0\nf " + b"1" * 5_000_000,
        "OBJ: materials on this machine": lambda: (
            b"mtllib /etc/passwd\nmtllib ../../../x\n" + seeds.OBJ
        ),
        "OBJ: 100,000 material libraries": lambda: b"mtllib a b c\n" * 100_000 + seeds.OBJ,
        "OBJ: 2,000 groups": lambda: (
            seeds.OBJ + b"".join(b"o g%d\nusemtl m%d\nf 1 2 3\n" % (n, n) for n in range(2_000))
        ),
        "OBJ: not a number": lambda: seeds.OBJ.replace(b"v 1 0 0", b"v nan -inf 1e999"),
        "OBJ: lines that go on and on": lambda: b"v 0 0 0 \\\n" * 200_000,
        "OBJ: names that steer a terminal": lambda: seeds.OBJ.replace(b"red", b"\x1b[31m\x9b2J"),
        "STL: 2^32 faces": lambda: bytes(80) + b"\xff\xff\xff\xff" + bytes(50),
        "STL: no faces": lambda: bytes(84),
        "STL: not a number": lambda: bytes(80) + struct.pack("<I", 1) + b"\xff" * 50,
        "STL: text and not": lambda: b"solid " + bytes(78) + bytes(200),
        "STL: 100,000 facets without corners": lambda: (
            b"solid x\n" + b"facet normal 0 0 1\nendfacet\n" * 100_000
        ),
        "3MF: laughs": lambda: _three_mf(_laughs("model")),
        "3MF: reads a file": lambda: _three_mf(_reads_a_file("model")),
        "3MF: objects in a circle": lambda: _three_mf(_components([(1, 2), (2, 1)])),
        "3MF: objects that double 30 times": lambda: _three_mf(
            _components([(n, n + 1) for n in range(1, 30)], times=2)
        ),
        "3MF: a corner that is not there": lambda: _three_mf(_triangle("0", "1", "99")),
        "3MF: a negative corner": lambda: _three_mf(_triangle("0", "1", "-1")),
        "3MF: a corner that is a word": lambda: _three_mf(_triangle("a", "\u0661", "1e3")),
        "3MF: 100,000 elements in each other": lambda: _three_mf(b"<a>" * 100_000),
        "3MF: an attribute of 10 MB": lambda: _three_mf(b'<model x="' + b"a" * _MANY + b'"/>'),
        "3MF: a matrix of words": lambda: _three_mf(_triangle("0", "1", "2", "nan inf 1e999 a")),
        "3MF: a part above its folder": lambda: _three_mf(seeds.OBJ, "../../3D/3dmodel.model"),
        "3MF: not XML": lambda: _three_mf(bytes(1_000)),
        "ZIP: 100 MB of zeros": lambda: _bomb_zip({"a.obj": bytes(100_000_000)}),
        "ZIP: 1 GB by its directory": lambda: _with_sizes(
            seeds.zipped({"a.obj": b"v 0 0 0"}), 10**9
        ),
        "ZIP: less than it has by its directory": lambda: _with_sizes(
            seeds.zipped({"a.obj": seeds.OBJ * 100}), 10
        ),
        "ZIP: 5,000 members": lambda: _bomb_zip({f"{n}.obj": b"" for n in range(5_000)}),
        "ZIP: members that overlap": lambda: _overlapping("00000.obj", 500),
        "ZIP: ten archives in each other": lambda: _nested("a.obj", 10),
        "ZIP: 2^63 bytes": lambda: _zip64_lies("a.obj"),
        "ZIP: members above their folder": lambda: seeds.zipped(
            {"../../a.obj": seeds.OBJ, "/etc/x.mtl": b"newmtl red", "..\\..\\b.png": b"x"}
        ),
        "ZIP: names that mislead": lambda: seeds.zipped(
            {"\u202ejbo.obj": seeds.OBJ, "a\x1b[2J.mtl": b"newmtl red", "con.png": b"x"}
        ),
        "ZIP: a material that names files of this machine": lambda: seeds.zipped(
            {"a.obj": seeds.OBJ, "it.mtl": b"newmtl red\nmap_Kd /etc/passwd\nmap_Bump ../../x"}
        ),
        "ZIP: a texture of 20,000 by 20,000": lambda: seeds.zipped(
            {
                "a.obj": seeds.OBJ,
                "it.mtl": b"newmtl red\nmap_Kd b.png",
                "b.png": bomb_png(20_000, 20_000),
            }
        ),
        "ZIP: encrypted": lambda: _flagged(seeds.zipped({"a.obj": seeds.OBJ})),
        "ZIP: packed in a way nobody knows": lambda: _method(seeds.zipped({"a.obj": seeds.OBJ})),
        "ZIP: itself": lambda: seeds.zipped(
            {"a.zip": seeds.zipped({"a.zip": b"PK\5\6" + bytes(18)})}
        ),
        "HTML called a model": lambda: b"<html><script>alert(1)</script>",
        "nothing": lambda: b"",
        "a GLB mark and no more": lambda: b"glTF",
    }
    for name in ("GLB", "3MF", "STL", "PLY"):
        whole = seeds.plain_glb() if name == "GLB" else seeds.as_format(name.lower())
        for eighth in range(1, 8):
            files[f"{name} cut at {eighth}/8"] = partial(_cut, whole, eighth)
    return files


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    made = square()
    change(made.document)
    return made.glb()


def _with(**fields: Any) -> bytes:
    made = square()
    made.document |= fields
    return made.glb()


def _nodes(below: list[list[int]]) -> bytes:
    nodes = [{"children": one} if one else {"mesh": 0} for one in below]
    roots = [0] if len(below[0]) else list(range(len(below)))
    return _with(nodes=nodes, scenes=[{"nodes": roots}])


def _buffer_at(uri: str) -> bytes:
    made = square()
    length = len(made.binary)
    made.document["buffers"] = [{"byteLength": length, "uri": uri}]
    return pack(made.document)


def _image(content: bytes | None = None, uri: str | None = None) -> bytes:
    made = Builder()
    made.primitive(POSITION=SQUARE, TEXCOORD_0=SQUARE[:, :2].copy(), mode=5, material=0)
    source: dict[str, Any] = {"uri": uri} if uri else {}
    if content is not None:
        source = {"bufferView": made.view(content), "mimeType": "image/png"}
    made.document |= {
        "images": [source],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    }
    return made.glb()


def _steering() -> bytes:
    name = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m[red]=1+1"
    made = square()
    made.document["meshes"][0]["name"] = made.document["nodes"][0]["name"] = name
    made.document["asset"] |= {"generator": name, "copyright": name}
    made.document["extensionsUsed"] = [name]
    made.document["nodes"][0]["extensions"] = {name: {}}
    return made.glb()


def _deep(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def _positions(value: float) -> bytes:
    positions = SQUARE.copy()
    positions[2, 1] = value
    made = Builder()
    made.primitive(POSITION=positions, mode=5)
    return made.glb()


def _primitive(**fields: Any) -> bytes:
    made = square()
    made.document["meshes"][0]["primitives"][0] |= fields
    return made.glb()


def _draco_of(kept: int) -> bytes:
    data = seeds.draco_glb()
    at = data.index(b"DRACO")
    return data[: at + kept] + bytes(len(data) - at - kept)


_CORE = b'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"'


def _three_mf(model: bytes, path: str = "3D/3dmodel.model") -> bytes:
    files = seeds.unzipped(seeds.as_format("3mf"))
    name = next(one for one in files if one.endswith(".model"))
    del files[name]
    return seeds.zipped({**files, (name if path == "3D/3dmodel.model" else path): model})


def _model(resources: bytes) -> bytes:
    return (
        b'<?xml version="1.0"?><model unit="millimeter" ' + _CORE + b"><resources>" + resources
        + b'</resources><build><item objectid="1"/></build></model>'
    )  # fmt: skip


def _components(pairs: list[tuple[int, int]], times: int = 1) -> bytes:
    objects = "".join(
        f'<object id="{one}"><components>{f"""<component objectid="{other}"/>""" * times}'
        "</components></object>"
        for one, other in pairs
    )
    return _model(objects.encode())


def _triangle(first: str, second: str, third: str, transform: str = "") -> bytes:
    corners = "".join(f'<vertex x="{n}" y="{n % 2}" z="0"/>' for n in range(3))
    placed = f' transform="{transform}"' if transform else ""
    return _model(
        f'<object id="1"{placed}><mesh><vertices>{corners}</vertices><triangles>'
        f'<triangle v1="{first}" v2="{second}" v3="{third}"/></triangles></mesh></object>'.encode()
    )


def _flagged(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[data.index(b"PK\1\2") + 8] |= 1
    changed[6] |= 1
    return bytes(changed)


def _method(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[data.index(b"PK\1\2") + 10] = changed[8] = 97
    return bytes(changed)


# --- spreadsheets -------------------------------------------------------------------------------


def _sheets() -> Mapping[str, Callable[[], bytes]]:
    sheet = "xl/worksheets/sheet1.xml"
    files: dict[str, Callable[[], bytes]] = {
        "CSV of a million rows": lambda: b"picture,name\n" + b"a,b\n" * 1_000_000,
        "CSV of 100,000 columns": lambda: b"picture," + b"a," * 100_000,
        "CSV with a cell of 4 MB": lambda: b"picture,name\na," + b"x" * 4_000_000,
        "CSV of an open quote": lambda: b'picture,name\n"' + b"a,b\n" * 100_000,
        "CSV of quotes": lambda: b"picture,name\n" + b'"' * 1_000_001,
        "CSV of zeros": lambda: b"picture,name\n" + bytes(10_000),
        "CSV that steers a terminal": lambda: b"picture,name\na.png,\x1b]0;x\x07\x9b2J\n",
        "CSV of lone surrogates": lambda: b"picture,name\na.png,\xed\xa0\x80\n",
        "CSV of UTF-16 cut in two": lambda: "picture,name\na,b".encode("utf-16")[:-1],
        "CSV of letters that no language has": lambda: (
            b"picture,name\n" + bytes(range(128, 256)) * 2_000
        ),
        "CSV of the longest number": lambda: b"picture,height_mm\na.png," + b"9" * 5_000,
        "CSV of names above their folder": lambda: b"picture,name\n../../etc/passwd,..\\..\\x\n",
        "CSV of the same name, 9,000 times": lambda: b"picture,name\n" + b"a.png,b\n" * 9_000,
        "XLSX that laughs": lambda: _xlsx({sheet: _laughs("worksheet")}),
        "XLSX whose texts laugh": lambda: _xlsx({"xl/sharedStrings.xml": _laughs("sst")}),
        "XLSX that reads a file": lambda: _xlsx({sheet: _reads_a_file("worksheet")}),
        "XLSX of 100 MB": lambda: _xlsx({sheet: b"<worksheet>" + b" " * 100_000_000}),
        "XLSX of a row far away": lambda: _xlsx({}, cells=_cell("XFD1048576", "1")),
        "XLSX of a row beyond all": lambda: _xlsx({}, cells=_cell("ZZZZZZ999999999999", "1")),
        "XLSX of a size that lies": lambda: _xlsx({}, cells="", dimension="A1:XFD1048576"),
        "XLSX of a text that is not there": lambda: _xlsx({}, cells=_cell("A1", "99999999", "s")),
        "XLSX of a number without end": lambda: _xlsx({}, cells=_cell("A1", "9" * 5_000)),
        "XLSX of 2,000 parts": lambda: _xlsx({f"xl/{n}.xml": b"<x/>" for n in range(2_000)}),
        "XLSX of a number format of 1 MB": lambda: _xlsx(
            {
                "xl/styles.xml": seeds.unzipped(seeds.xlsx())["xl/styles.xml"].replace(
                    b"#,##0.00", b"#,##0" * 200_000
                )
            }
        ),
        "XLSX without a workbook": lambda: seeds.zipped({"[Content_Types].xml": b"<Types/>"}),
        "XLSX of parts above their folder": lambda: _xlsx({"../../../etc/cron.d/x": b"x"}),
        "XLSX of another machine": lambda: _xlsx(
            {"xl/_rels/workbook.xml.rels": _RELATION_ELSEWHERE}
        ),
        "XLSX that is a 3MF file": lambda: seeds.as_format("3mf"),
        "XLSX whose directory lies": lambda: _with_sizes(seeds.xlsx(), 2**32 - 2),
        "XLSX whose members overlap": lambda: _overlapping("00000.xml", 500),
        "a picture called a sheet": lambda: seeds.picture("PNG"),
        "nothing": lambda: b"",
    }
    for eighth in range(1, 8):
        files[f"XLSX cut at {eighth}/8"] = partial(_cut, seeds.xlsx(), eighth)
    return files


_SCHEMAS = b"http://schemas.openxmlformats.org"
_RELATION_ELSEWHERE = (
    b'<Relationships xmlns="' + _SCHEMAS + b'/package/2006/relationships">'
    b'<Relationship Id="rId1" Type="' + _SCHEMAS + b'/officeDocument/2006/relationships/worksheet" '
    b'Target="http://169.254.169.254/" TargetMode="External"/></Relationships>'
)


def _cell(reference: str, value: str, kind: str = "n") -> str:
    row = "".join(filter(str.isdigit, reference))
    return f'<row r="{row}"><c r="{reference}" t="{kind}"><v>{value}</v></c></row>'


def _xlsx(
    changes: Mapping[str, bytes], *, cells: str | None = None, dimension: str = "A1"
) -> bytes:
    files = seeds.unzipped(seeds.xlsx())
    if cells is not None:
        files["xl/worksheets/sheet1.xml"] = (
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f'<dimension ref="{dimension}"/><sheetData>{cells}</sheetData></worksheet>'
        ).encode()
    return seeds.zipped({**files, **changes})


def main() -> None:
    """Write all files into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(corpus()):
        safe = "".join(c if c.isalnum() else "-" for c in one.name)
        (folder / f"{number:03}-{safe}").write_bytes(one.make())


if __name__ == "__main__":
    main()
