"""Formats by bytes, and files found in results of any shape."""

import struct
from typing import Any

import pytest

from image2model.core.generator import GeneratorId
from image2model.providers.fal.catalogue.rows import ROWS, row_of
from image2model.providers.fal.results.extracting import find_offers
from image2model.providers.fal.results.file_detection import sniff
from image2model.testing.fal_simulator.faults.impostors import file_in_format
from image2model.testing.tiny_model import tiny_glb

BINARY_STL = bytes(80) + struct.pack("<I", 2) + bytes(100)


@pytest.mark.parametrize(
    ("data", "name", "form"),
    [
        (tiny_glb("x"), "a.png", "glb"),
        (*file_in_format("fbx"), "a.glb", "fbx"),
        (*file_in_format("obj"), "a.glb", "obj"),
        (*file_in_format("ply"), "a.glb", "ply"),
        (*file_in_format("stl"), "a", "stl"),
        (*file_in_format("zip"), "a.glb", "zip"),
        (*file_in_format("png"), "a.glb", "png"),
        (*file_in_format("html"), "a.glb", "html"),
        (b"newmtl skin\nKd 1 1 1\n", "a", "mtl"),
        (b"# exported\n\nv 1 2 3\nf 1 2 3\n", "a", "obj"),
        (b"solid x\n facet normal 0 0 1\n", "a", "stl"),
        (BINARY_STL, "a", "stl"),
        (b"\xff\xd8\xff\xe0", "a.glb", "jpg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a", "webp"),
        (b"\0\0\0\x20ftypavif", "a", "avif"),
        (b"PK\x03\x04" + bytes(22) + b"\x09\0\0\0scene.usdc", "a", "usdz"),
        (bytes(64), "cloud.splat", "splat"),
        (bytes(64), "cloud.glb", ""),
        (b"", "a.glb", ""),
        (b"just some words\n", "a.obj", ""),
    ],
)
def test_bytes_say_what_it_is(data: bytes, name: str, form: str) -> None:
    assert sniff(data[:4096], size_bytes=len(data), hint=name) == form


def file(name: str, **more: Any) -> dict[str, Any]:
    return {"url": f"https://cdn.example/{name}", **more}


def meshes(result: Any, generator: str = "fal:some/endpoint") -> list[str]:
    row = row_of(GeneratorId(generator))
    assert row is not None
    return [offer.url.rpartition("/")[2] for offer in find_offers(row, result).meshes]


def test_known_keys_come_first_and_in_order() -> None:
    result = {
        "base_model": file("base.glb"),
        "model_mesh": None,
        "pbr_model": file("pbr.glb"),
        "rendered_image": file("image.webp"),
    }
    assert meshes(result, "fal/tripo-v2.5") == ["pbr.glb", "base.glb"]
    offers = find_offers(ROWS[GeneratorId("fal/tripo-v2.5")], result)
    assert [offer.url for offer in offers.previews] == ["https://cdn.example/image.webp"]


@pytest.mark.parametrize(
    ("result", "first"),
    [
        ({"shiny": {"new": [file("a.glb")]}, "image": file("b.png")}, "a.glb"),
        ({"thumbnail": file("t.png"), "model_url": "https://cdn.example/m.glb"}, "m.glb"),
        ({"gaussian_splat": file("s.ply"), "model": file("m.obj")}, "m.obj"),
        ({"output": file("abc123", file_name="thing.fbx")}, "abc123"),
        ({"texture_glb": file("t.png"), "mesh": file("without-extension")}, "without-extension"),
        ([file("in-a-list.stl")], "in-a-list.stl"),
    ],
)
def test_unknown_shapes_are_searched(result: Any, first: str) -> None:
    assert meshes(result)[0] == first


@pytest.mark.parametrize("result", [None, {}, [], "text", 7, {"image": file("a.png")}])
def test_nothing_is_found_in_nothing(result: Any) -> None:
    assert meshes(result) == []
