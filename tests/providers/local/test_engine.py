"""The local engine from picture files to GLB files, as others read them."""

import io
import json
import struct
from collections.abc import Mapping
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from image2model.core.errors import (
    GeneratorNotFound,
    InvalidOptions,
    InvalidViews,
    PictureEmpty,
)
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import check_picture
from image2model.providers.local.cards import CARDS
from image2model.providers.local.engine import make_model
from image2model.providers.local.model import LocalModel
from tests.geometry.outlines import draw_outline
from tests.khronos.validator import KhronosValidator

LIMITS = PictureLimits()
ALL = sorted(CARDS)
FROM_ONE = [generator for generator in ALL if generator != "local/hull"]
FEW_FACES = {"face_limit": 4000}


def png(pixels: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))
    assert done
    return data.tobytes()


def picture(kind: str = "blob", *, seed: int = 1, size_px: int = 200) -> bytes:
    """A silhouette, red on its left half and blue on its right, paler towards the top."""
    coverage = draw_outline(kind, seed=seed, size_px=size_px)
    pixels = np.zeros((size_px, size_px, 4), np.uint8)
    pixels[:, : size_px // 2] = (220, 20, 20, 0)
    pixels[:, size_px // 2 :] = (20, 20, 220, 0)
    pixels[: size_px // 2, :, 1] = 150
    pixels[..., 3] = coverage
    return png(pixels)


def views_for(generator: str, kind: str = "blob") -> Mapping[str, bytes]:
    if generator != "local/hull":
        return {"front": picture(kind)}
    return {"front": picture(kind, seed=1), "left": picture(kind, seed=2)}


def make(
    generator: str, options: Mapping[str, object] | None = None, *, kind: str = "blob"
) -> LocalModel:
    chosen = {**FEW_FACES, **(options or {})}
    return make_model(generator, views_for(generator, kind), chosen, name="test", limits=LIMITS)


def load(model: LocalModel) -> Any:
    # Only what the file says: no merging of vertices that differ in their texture coordinates.
    return trimesh.load(io.BytesIO(model.glb), file_type="glb", force="mesh")


def document_of(glb: bytes) -> dict[str, Any]:
    (length,) = struct.unpack_from("<I", glb, 12)
    document: dict[str, Any] = json.loads(glb[20 : 20 + length])
    return document


def seen_from_front(model: LocalModel, *, right: float, up: float) -> tuple[int, int, int]:
    """The colour in the middle of the nearest face at a place, each 0–1 of the mesh's box."""
    mesh = load(model)
    low, high = mesh.bounds
    place = low[:2] + (high - low)[:2] * [right, up]
    corners = mesh.triangles[:, :, :2]
    front = mesh.face_normals[:, 2] > 0.05
    away = np.linalg.norm(corners.mean(axis=1) - place, axis=1)
    face = int(np.where(front, away, np.inf).argmin())
    image = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    # trimesh counts texture rows from the bottom.
    u, v = mesh.visual.uv[mesh.faces[face]].mean(axis=0)
    pixel = image[int((1 - v) * len(image)), int(u * image.shape[1])]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


@pytest.mark.parametrize("kind", ["blob", "ring", "crumbs", "whiskers", "cropped", "mug"])
@pytest.mark.parametrize("generator", ALL)
def test_models_are_closed_for_other_programs_too(generator: str, kind: str) -> None:
    mesh = load(make(generator, kind=kind))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0


@pytest.mark.parametrize("back", ["mirror", "fill"])
@pytest.mark.parametrize("generator", ["local/puff", "local/extrude"])
def test_every_back_is_closed(generator: str, back: str) -> None:
    assert load(make(generator, {"back": back})).is_watertight


@pytest.mark.parametrize("kind", ["blob", "branches"])
@pytest.mark.parametrize("generator", ALL)
def test_the_validator_finds_nothing(khronos: KhronosValidator, generator: str, kind: str) -> None:
    report = khronos.validate_glb(make(generator, kind=kind).glb)
    assert (report.errors, report.warnings) == (0, 0)


@pytest.mark.parametrize("generator", ALL)
def test_the_same_input_gives_the_same_bytes(generator: str) -> None:
    assert make(generator).glb == make(generator).glb


@pytest.mark.parametrize("generator", FROM_ONE)
def test_left_is_left_and_up_is_up(generator: str) -> None:
    """The picture's left is -X, and its colours are where the picture has them."""
    model = make(generator)
    left, right = (seen_from_front(model, right=x, up=0.3) for x in (0.4, 0.6))
    assert left[0] > 150 > left[2]
    assert right[2] > 150 > right[0]
    assert seen_from_front(model, right=0.4, up=0.7)[1] > 90 > left[1]


def test_a_hull_takes_each_side_from_its_own_view() -> None:
    """Four flat pictures of four colours: each side of the object shows its own."""
    coverage = draw_outline("blob", seed=4, size_px=128)
    colors = {
        "front": (250, 0, 0), "left": (0, 250, 0), "back": (0, 0, 250), "right": (250, 250, 0),
    }  # fmt: skip
    views = {}
    for view, color in colors.items():
        pixels = np.empty((128, 128, 4), np.uint8)
        pixels[..., :3] = color
        pixels[..., 3] = coverage[:, ::-1] if view in ("back", "right") else coverage
        views[view] = png(pixels)
    mesh = load(make_model("local/hull", views, FEW_FACES, name="x", limits=LIMITS))
    image = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), int)
    for view, axis in (("front", 2), ("right", 0), ("back", -3), ("left", -1)):
        outward = mesh.face_normals[:, axis if axis >= 0 else -axis - 1] * (1 if axis >= 0 else -1)
        facing = mesh.faces[(outward > 0.95) & (mesh.area_faces > 1e-8)]
        u, v = mesh.visual.uv[facing].mean(axis=1).T
        rows = ((1 - v) * len(image)).astype(int)
        found = image[rows, (u * image.shape[1]).astype(int)]
        assert np.abs(np.median(found, axis=0) - colors[view]).max() < 12, view


def test_a_side_view_gives_the_depth() -> None:
    """The side's nose points to the front: its right is the object's +Z."""
    front, side = np.zeros((2, 160, 160, 4), np.uint8)
    front[30:130, 50:110] = 255
    side[30:130, 20:100] = 255
    side[70:80, 100:140] = 255
    model = make_model(
        "local/hull", {"front": png(front), "left": png(side)}, {}, name="x", limits=LIMITS
    )
    assert model.facts["depth_mm"] == pytest.approx(120, rel=0.01)
    assert model.facts["width_mm"] == pytest.approx(60, rel=0.02)
    points = load(model).vertices
    tip = points[points[:, 2] > 0.045]
    assert tip[:, 1].min() > 0.045
    assert tip[:, 1].max() < 0.065


@pytest.mark.parametrize("views", [("front", "back"), ("front", "top"), ("front", "right", "top")])
def test_a_hull_takes_any_second_view(views: tuple[str, ...]) -> None:
    pictures = {view: picture(seed=seed) for seed, view in enumerate(views)}
    model = make_model("local/hull", pictures, FEW_FACES, name="x", limits=LIMITS)
    assert load(model).is_watertight
    assert model.facts["views"] == list(views)


@pytest.mark.parametrize("face_limit", [500, 3000, 50_000, 200_000])
@pytest.mark.parametrize("generator", ["local/puff", "local/relief", "local/lathe", "local/hull"])
def test_the_face_limit_is_kept_and_used(generator: str, face_limit: int) -> None:
    model = make_model(
        generator,
        {view: picture(seed=seed, size_px=640) for seed, view in enumerate(views_for(generator))},
        {"face_limit": face_limit},
        name="x",
        limits=LIMITS,
    )
    assert 0.8 * face_limit <= model.facts["faces"] <= face_limit


@pytest.mark.parametrize("generator", ALL)
def test_facts_are_true(generator: str) -> None:
    model = make(generator, {"print_height_mm": 250})
    mesh = load(model)
    size_mm = mesh.extents * 1000
    facts = model.facts
    assert (facts["width_mm"], facts["height_mm"], facts["depth_mm"]) == pytest.approx(
        tuple(size_mm), abs=0.02
    )
    assert facts["height_mm"] == 250
    assert facts["faces"] == len(mesh.faces)
    assert facts["watertight"] is True
    assert facts["mask_source"] == "alpha"
    assert facts["mask_confidence"] == 1.0


@pytest.mark.parametrize("generator", ALL)
def test_models_stand_on_the_ground(generator: str) -> None:
    low, high = load(make(generator)).bounds
    assert low[1] == pytest.approx(0, abs=1e-6)
    assert low[[0, 2]] == pytest.approx(-high[[0, 2]], abs=1e-6)


@pytest.mark.parametrize("generator", FROM_ONE)
def test_a_model_carries_its_name(generator: str) -> None:
    model = make_model(generator, {"front": picture()}, FEW_FACES, name="Käse <1>", limits=LIMITS)
    document = document_of(model.glb)
    assert document["nodes"][0]["name"] == "Käse <1>"


def test_a_front_gets_a_plain_back_by_itself() -> None:
    """A symmetric subject mostly faces the viewer; another is seen from the side."""
    facing = np.zeros((120, 160, 4), np.uint8)
    cv2.circle(facing, (80, 60), 40, [200, 100, 50, 255], -1)
    aside = np.zeros((120, 160, 4), np.uint8)
    aside[60:90, 10:150] = aside[10:90, 20:50] = 255
    backs = [
        make_model("local/puff", {"front": png(p)}, FEW_FACES, name="x", limits=LIMITS).facts[
            "back"
        ]
        for p in (facing, aside)
    ]
    assert backs == ["fill", "mirror"]


def test_a_relief_needs_no_subject() -> None:
    """Noise has no subject, yet it can be carved."""
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 4)).astype(np.uint8)
    noise[..., 3] = 255
    model = make_model("local/relief", {"front": png(noise)}, FEW_FACES, name="x", limits=LIMITS)
    assert load(model).is_watertight
    assert "mask_source" not in model.facts


def test_a_relief_of_a_large_picture_keeps_its_size() -> None:
    """It is scaled down to the texture's size before anything is computed."""
    large = make_model(
        "local/relief",
        {"front": picture(size_px=1400)},
        {**FEW_FACES, "texture_px": 256},
        name="x",
        limits=LIMITS,
    )
    assert large.facts["height_mm"] == 100
    assert large.facts["depth_mm"] == pytest.approx(make("local/relief").facts["depth_mm"], rel=0.1)
    assert len(large.glb) < 200_000


def test_a_lithophane_is_plain_plastic() -> None:
    model = make("local/relief", {"style": "lithophane"})
    assert "textures" not in document_of(model.glb)
    assert load(model).is_watertight


def option_ends() -> list[tuple[str, str, object]]:
    ends: list[tuple[str, str, object]] = []
    for card in CARDS.values():
        for name, option in card.options_schema["properties"].items():
            values = option.get("enum") or [option["minimum"], option["maximum"]]
            ends += [(card.id, name, value) for value in values]
    return ends


@pytest.mark.parametrize(("generator", "option", "value"), option_ends())
def test_every_option_works_at_its_ends(generator: str, option: str, value: object) -> None:
    model = make(generator, {option: value})
    assert load(model).is_watertight


@pytest.mark.parametrize("card", CARDS.values(), ids=ALL)
def test_options_describe_themselves(card: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(card.options_schema)
    assert card.options_schema["additionalProperties"] is False
    for option in card.options_schema["properties"].values():
        assert {"type", "title", "description", "default"} <= option.keys()
        assert "enum" in option or {"minimum", "maximum"} <= option.keys()
        jsonschema.validate(option["default"], option)


@pytest.mark.parametrize(
    "options",
    [{"face_limit": 499}, {"face_limit": 200_001}, {"depth": "deep"}, {"colour": "red"}],
)
def test_other_options_are_refused(options: Mapping[str, object]) -> None:
    with pytest.raises(InvalidOptions):
        make("local/puff", options)


@pytest.mark.parametrize(
    ("generator", "views"),
    [
        ("local/puff", ()),
        ("local/puff", ("left",)),
        ("local/puff", ("front", "left")),
        ("local/hull", ("front",)),
        ("local/hull", ("left", "right")),
        ("local/hull", ("front", "bottom")),
        ("local/hull", ("front", "left", "back", "right", "top")),
    ],
)
def test_other_views_are_refused(generator: str, views: tuple[str, ...]) -> None:
    with pytest.raises(InvalidViews) as caught:
        make_model(generator, dict.fromkeys(views, picture()), {}, name="x", limits=LIMITS)
    assert "front" in caught.value.message


def test_other_generators_are_refused() -> None:
    with pytest.raises(GeneratorNotFound) as caught:
        make_model("local/magic", {"front": picture()}, {}, name="x", limits=LIMITS)
    assert "local/puff" in caught.value.message


@pytest.mark.parametrize("generator", FROM_ONE)
def test_an_empty_picture_is_refused(generator: str) -> None:
    empty = png(np.zeros((60, 60, 4), np.uint8))
    with pytest.raises(PictureEmpty):
        make_model(generator, {"front": empty}, {}, name="x", limits=LIMITS)


def two_discs() -> bytes:
    """A large disc and, apart from it, a smaller one."""
    y, x = np.mgrid[0:160, 0:240]
    inside = (np.hypot(x - 80, y - 80) < 60) | (np.hypot(x - 195, y - 80) < 30)
    pixels = np.zeros((160, 240, 4), np.uint8)
    pixels[inside] = (200, 90, 30, 255)
    return png(pixels)


@pytest.mark.parametrize("generator", ["local/puff", "local/extrude"])
@pytest.mark.parametrize(("parts", "bodies"), [("keep", 2), ("join", 1), ("largest", 1)])
def test_loose_bodies_are_counted_joined_or_dropped(
    generator: str, parts: str, bodies: int
) -> None:
    model = make_model(
        generator, {"front": two_discs()}, {**FEW_FACES, "parts": parts}, name="x", limits=LIMITS
    )
    mesh = load(model)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    assert mesh.body_count == model.facts["bodies"] == bodies
    assert model.facts["watertight"] is True
    notes = model.facts["notes"]
    assert any("2 loose bodies" in str(note) for note in notes) == (parts == "keep")
    aspect = mesh.extents[0] / mesh.extents[1]
    assert aspect == pytest.approx(120 / 120 if parts == "largest" else 205 / 120, rel=0.03)


def test_a_model_names_what_made_it() -> None:
    document = document_of(make("local/puff").glb)
    assert document["asset"]["generator"].startswith("image2model ")
    assert document["asset"]["generator"].endswith(" (local/puff)")


@pytest.mark.parametrize("style", ["raised", "lithophane"])
def test_a_relief_of_16_bits_has_fine_steps(style: str) -> None:
    ramp = np.linspace(30_000, 32_000, 300 * 200).astype(np.uint16).reshape(200, 300)
    done, data = cv2.imencode(".png", ramp)
    assert done
    kept = check_picture(data.tobytes(), limits=LIMITS).data
    options = {"style": style, "face_limit": 20_000, "relief_mm": 50, "print_height_mm": 100}
    model = make_model("local/relief", {"front": kept}, options, name="x", limits=LIMITS)
    heights = np.unique(load(model).vertices[:, 2].round(7))
    assert model.facts["height_steps"] > 500
    assert len(heights) > 500


def test_three_figures_in_one_picture_are_noticed() -> None:
    pixels = np.full((200, 420, 3), 250, np.uint8)
    for center in (70, 210, 350):
        cv2.ellipse(pixels, (center, 110), (35, 70), 0, 0, 360, (160, 60, 40), -1)
        cv2.circle(pixels, (center, 40), 24, (60, 60, 140), -1)
    done, data = cv2.imencode(".png", pixels)
    assert done
    model = make_model("local/puff", {"front": data.tobytes()}, FEW_FACES, name="x", limits=LIMITS)
    assert any("3 objects in this picture" in str(note) for note in model.facts["notes"])
