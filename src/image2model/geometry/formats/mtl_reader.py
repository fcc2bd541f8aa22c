"""Read Wavefront MTL materials and the textures they name."""

from dataclasses import dataclass, field, replace

import numpy as np

from image2model.geometry.formats.files_beside import FilesBeside, decode_name, readable_name
from image2model.geometry.mesh import Material
from image2model.geometry.shading import to_linear
from image2model.geometry.texture_coding import join_metallic_roughness

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


@dataclass(slots=True)
class _Draft:
    """A material as its lines are read."""

    base: tuple[float, ...] = (0.8, 0.8, 0.8)
    emissive: tuple[float, ...] = (0.0, 0.0, 0.0)
    alpha: float = 1.0
    metallic: float | None = None
    roughness: float | None = None
    bump: float = 1.0
    maps: dict[str, str] = field(default_factory=dict)


def read_mtl(content: bytes, beside: FilesBeside) -> dict[str, Material]:
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
    for line in content.removeprefix(b"\xef\xbb\xbf").splitlines():
        key, _, rest = decode_name(line.strip().replace(b"\t", b" ")).partition(" ")
        if key == "newmtl":
            draft = drafts[rest.strip()] = _Draft()
        elif key and not key.startswith("#"):
            _read_line(draft, key.lower(), rest.strip())
    return {name: _material(name, draft, beside) for name, draft in drafts.items()}


def _read_line(draft: _Draft, key: str, rest: str) -> None:
    if key in _MAPS:
        path, bump = _map(rest)
        draft.maps[_MAPS[key]] = path
        draft.bump = bump if key == "norm" else draft.bump
        return
    numbers = _floats(rest)
    match key, numbers:
        case "kd", [red, green, blue, *_]:
            draft.base = (red, green, blue)
        case "ke", [red, green, blue, *_]:
            draft.emissive = (red, green, blue)
        case "d", [alpha, *_]:
            draft.alpha = alpha
        case "tr", [transparency, *_]:
            draft.alpha = 1 - transparency
        case "pm", [metallic, *_]:
            draft.metallic = metallic
        case "pr", [roughness, *_]:
            draft.roughness = roughness


def _floats(text: str) -> list[float]:
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        return []
    return [min(max(number, 0.0), 1.0) for number in found]


def _map(rest: str) -> tuple[str, float]:
    """Return the file that a map names, and how strongly it bends the surface."""
    words = rest.split(" ")
    bump = 1.0
    while len(words) > 2 and words[0].startswith("-"):
        option = words.pop(0)
        if option == "-bm":
            bump = next(iter(_floats_unbounded(words[0])), 1.0)
        # These take one number and up to two more.
        taken = 0
        while taken < _OPTION_ARGUMENTS.get(option, 1) and len(words) > 1:
            if taken and not _floats_unbounded(words[0]):
                break
            words.pop(0)
            taken += 1
    return " ".join(words).strip(), bump


def _floats_unbounded(text: str) -> list[float]:
    try:
        return [float(text)]
    except ValueError:
        return []


def _material(name: str, draft: _Draft, beside: FilesBeside) -> Material:
    images = {slot: beside.image(path) for slot, path in draft.maps.items()}
    base, metallic, roughness = images.get("base_color"), draft.metallic, draft.roughness
    packed = None
    if images.get("metallic") or images.get("roughness"):
        # What the grey pictures hold is the product already; see `MaterialLibrary`.
        packed = join_metallic_roughness(images.get("metallic"), images.get("roughness"))
        metallic = 1.0 if images.get("metallic") else metallic
        roughness = 1.0 if images.get("roughness") else roughness
    for slot in ("bump", "specular", "gloss"):
        if images.get(slot):
            beside.left_out.add(f"the {slot} map was left out")
    red, green, blue = _linear(draft.base)
    bright = _linear(draft.emissive)
    transparent = draft.alpha < 1 or "alpha" in images
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
        wrap=("repeat", "repeat"),
        double_sided=True,
    )
    return replace(
        made,
        base_color_texture=base,
        metallic_roughness_texture=packed,
        normal_texture=images.get("normal"),
        emissive_texture=images.get("emissive"),
    )


def _linear(shown: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = to_linear(np.rint(np.array(shown) * 255).astype(np.uint8)).tolist()
    return red, green, blue
