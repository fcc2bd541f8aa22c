"""Read Wavefront MTL materials and the textures they name."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf_materials import media_type
from image2model.geometry.mesh import EncodedImage, Material
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


class FilesBeside:
    """
    The files beside a model, found as forgivingly as other programs find them.

    Attributes:
        left_out: What was named and could not be used, in plain words.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = dict(files)
        self._by_name = {posixpath.basename(path).lower(): path for path in files}
        self._images: dict[str, EncodedImage | None] = {}
        self.left_out: set[str] = set()

    def content(self, path: str) -> bytes | None:
        """Return the file at *path*, or else one of that name anywhere."""
        plain = posixpath.normpath(path.replace("\\", "/"))
        if plain in self._files:
            return self._files[plain]
        known = self._by_name.get(posixpath.basename(plain).lower())
        return None if known is None else self._files[known]

    def image(self, path: str) -> EncodedImage | None:
        """Return a texture; None: it is not there, or of a kind that cannot be read."""
        if path not in self._images:
            self._images[path] = self._image(path)
        return self._images[path]

    def _image(self, path: str) -> EncodedImage | None:
        shown = posixpath.basename(path.replace("\\", "/"))[:60]
        found = self.content(path)
        if found is None:
            self.left_out.add(f"the texture '{shown}' is not there")
            return None
        try:
            return EncodedImage(data=found, media_type=media_type(found))
        except InvalidMesh:
            self.left_out.add(f"the texture '{shown}' is no JPEG, PNG or WebP and was left out")
            return None


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


def read_mtl(path: str, beside: FilesBeside) -> dict[str, Material]:
    """
    Read a library of materials.

    Args:
        path: As the OBJ file names it; if there is no such file, everything is left grey.
        beside: Where it and its textures are.

    Returns:
        The materials by name.

    Raises:
        InvalidMesh: A texture that must be recoded cannot be decoded.
    """
    content = beside.content(path)
    if content is None:
        beside.left_out.add(f"the materials '{posixpath.basename(path)[:60]}' are not there")
        return {}
    drafts: dict[str, _Draft] = {}
    draft = _Draft()
    for line in content.decode("utf-8", "replace").splitlines():
        key, _, rest = line.strip().partition(" ")
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
        name=name,
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
