"""Read Wavefront MTL materials and the textures they name."""

import codecs
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from image2model.geometry.formats.archives.linked_files import (
    FilesBeside,
    decode_name,
    readable_name,
)
from image2model.geometry.mesh.textures.recoding import join_metallic_roughness
from image2model.geometry.mesh.textures.srgb import to_linear
from image2model.geometry.mesh.types import Material

_OPTION_ARGUMENTS = {"-o": 3, "-s": 3, "-t": 3, "-mm": 2}
_MAPS = {
    "map_kd": "base_color",
    "map_ke": "emissive",
    "norm": "normal",
    "map_pm": "metallic",
    "map_pr": "roughness",
    "map_d": "alpha",
    "map_bump": "bump",
    "bump": "bump",
    "map_ka": "ambient",
    "map_ks": "specular",
    "map_ns": "gloss",
}
_LYING = ("base_color", "normal", "metallic", "roughness", "emissive")
"""The textures that are used, the most important first: all lie on the surface in one way."""

_SHOWN = {"alpha": "transparency"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MtlMaterial:
    """
    A material, and how its textures lie.

    Attributes:
        material: How the surface looks.
        scale: By which texture coordinates are multiplied, origin at the bottom left.
        offset: What is added to them then.
    """

    material: Material
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(slots=True, kw_only=True)
class _Map:
    """A texture and its options."""

    path: str = ""
    bump: float = 1.0
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False


@dataclass(slots=True)
class _Draft:
    """A material as its lines are read."""

    base: tuple[float, ...] = (0.8, 0.8, 0.8)
    emissive: tuple[float, ...] = (0.0, 0.0, 0.0)
    opacity: float | None = None
    transparency: float = 0.0
    metallic: float | None = None
    roughness: float | None = None
    bump: float = 1.0
    maps: dict[str, _Map] = field(default_factory=dict)

    @property
    def alpha(self) -> float:
        """Opacity; some programs write `Tr` beside `d` and mean something else by it."""
        return 1 - self.transparency if self.opacity is None else self.opacity


def read_mtl(content: bytes, beside: FilesBeside) -> dict[str, MtlMaterial]:
    """
    Read a library of materials.

    Args:
        content: The whole file.
        beside: Where its textures are.

    Returns:
        The materials by name.

    Raises:
        InvalidMesh: A texture that must be recoded cannot be decoded.
    """
    drafts: dict[str, _Draft] = {}
    draft = _Draft()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", "replace").encode()
    for line in content.removeprefix(codecs.BOM_UTF8).splitlines():
        key, _, rest = decode_name(line.strip().replace(b"\t", b" ")).partition(" ")
        if key == "newmtl":
            draft = drafts[rest.strip()] = _Draft()
        elif key and not key.startswith("#"):
            _read_line(draft, key.lower(), rest.strip())
    return {name: _material(name, draft, beside) for name, draft in drafts.items()}


def _read_line(draft: _Draft, key: str, rest: str) -> None:
    if key in _MAPS:
        found = _map(rest)
        draft.maps[_MAPS[key]] = found
        draft.bump = found.bump if key == "norm" else draft.bump
        return
    numbers = _numbers(rest)
    match key, numbers:
        case "kd", [_, *_]:
            draft.base = _color(numbers)
        case "ke", [_, *_]:
            draft.emissive = _color(numbers)
        case "d", [*_, alpha]:
            draft.opacity = _fraction(alpha)
        case "tr", [*_, transparency]:
            draft.transparency = _fraction(transparency)
        case "pm", [metallic, *_]:
            draft.metallic = _fraction(metallic)
        case "pr", [roughness, *_]:
            draft.roughness = _fraction(roughness)


def _color(numbers: Sequence[float]) -> tuple[float, ...]:
    """Return red, green and blue; one number stands for all, and some write them up to 255."""
    rgb = numbers[:3] if len(numbers) >= 3 else [numbers[0]] * 3
    most = 255 if max(rgb) > 2 else 1
    return tuple(_fraction(number / most) for number in rgb)


def _fraction(number: float) -> float:
    return min(max(number, 0.0), 1.0)


def _numbers(text: str) -> list[float]:
    """Return the numbers in a line; what is none, such as `-halo`, is left out."""
    found = [one for word in text.split() for one in _number(word)]
    return [one for one in found if math.isfinite(one)]


def _number(text: str) -> list[float]:
    try:
        return [float(text)]
    except ValueError:
        return []


def _map(rest: str) -> _Map:
    """Read the file that a map names, and the options before it."""
    words = rest.split(" ")
    found = _Map()
    while len(words) > 1 and (not words[0] or words[0].startswith("-")):
        option = words.pop(0).lower()
        if not option:
            continue
        arguments: list[str] = []
        # These take one number and up to two more.
        while len(arguments) < _OPTION_ARGUMENTS.get(option, 1) and len(words) > 1:
            if arguments and words[0] and not _number(words[0]):
                break
            if word := words.pop(0):
                arguments.append(word)
        numbers = _numbers(" ".join(arguments))
        match option, numbers:
            case "-bm", [bump, *_]:
                found.bump = bump
            case "-s", [first, *others]:
                found.scale = (first, others[0] if others else 1.0)
            case "-o", [first, *others]:
                found.offset = (first, others[0] if others else 0.0)
        if option == "-clamp":
            found.clamp = arguments[:1] == ["on"]
    found.path = " ".join(words).strip()
    return found


def _material(name: str, draft: _Draft, beside: FilesBeside) -> MtlMaterial:
    images = {slot: beside.image(one.path) for slot, one in draft.maps.items()}
    base, metallic, roughness = images.get("base_color"), draft.metallic, draft.roughness
    packed = None
    if images.get("metallic") or images.get("roughness"):
        # What the grey pictures hold is the product already; see `MaterialLibrary`.
        packed = join_metallic_roughness(images.get("metallic"), images.get("roughness"))
        metallic = 1.0 if images.get("metallic") else metallic
        roughness = 1.0 if images.get("roughness") else roughness
    for slot in ("bump", "specular", "gloss", "alpha", "ambient"):
        # Opacity and ambient light are mostly those of the colour's own picture.
        if images.get(slot) is not None and images[slot] is not base:
            beside.left_out.add(f"the {_SHOWN.get(slot, slot)} map was left out")
    lies = next(iter(draft.maps[slot] for slot in _LYING if images.get(slot)), _Map())
    if any(
        images.get(slot) and (one.scale, one.offset) != (lies.scale, lies.offset)
        for slot, one in draft.maps.items()
        if slot in _LYING
    ):
        beside.left_out.add("its textures are scaled differently; all lie as the first one now")
    red, green, blue = _linear(draft.base)
    bright = _linear(draft.emissive)
    transparent = draft.alpha < 1 or images.get("alpha") is not None
    made = Material(
        name=readable_name(name),
        # White where a file forgets that the colour multiplies its texture.
        base_color=(
            (1.0, 1.0, 1.0, draft.alpha)
            if base and max(draft.base) == 0
            else (red, green, blue, draft.alpha)
        ),
        metallic=metallic if metallic is not None else 0.0,
        roughness=roughness if roughness is not None else 0.9,
        normal_scale=draft.bump,
        emissive=(1.0, 1.0, 1.0) if images.get("emissive") and max(bright) == 0 else bright,
        alpha_mode="BLEND" if transparent else "OPAQUE",
        wrap=("clamp", "clamp") if lies.clamp else ("repeat", "repeat"),
        double_sided=True,
    )
    made = replace(
        made,
        base_color_texture=base,
        metallic_roughness_texture=packed,
        normal_texture=images.get("normal"),
        emissive_texture=images.get("emissive"),
    )
    return MtlMaterial(material=made, scale=lies.scale, offset=lies.offset)


def _linear(shown: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = to_linear(np.rint(np.array(shown) * 255).astype(np.uint8)).tolist()
    return red, green, blue
