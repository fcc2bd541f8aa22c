"""Materials of a glTF file: factors, textures, and how those lie on the mesh."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.accessors import GltfData
from image2model.geometry.gltf.features import shown_text
from image2model.geometry.gltf.json import (
    Object,
    child,
    entry,
    integer,
    number,
    numbers,
    optional_integer,
    text,
)
from image2model.geometry.mesh.textures.decoding import KTX2, KTX2_MAGIC, texture_size_px
from image2model.geometry.mesh.types import (
    Affine,
    AlphaMode,
    EncodedImage,
    Material,
    Placement,
    Wrap,
)

_WHITE = (1.0, 1.0, 1.0, 1.0)
_WRAPS: Mapping[int, Wrap] = {33071: "clamp", 33648: "mirror", 10497: "repeat"}
_NEAREST = 9728
_LEAST_SCALE = 1e-6
_KTX2 = "KHR_texture_basisu"
_SPECULAR = "KHR_materials_pbrSpecularGlossiness"
_EXPRESSED = frozenset({_SPECULAR, "KHR_materials_emissive_strength", "KHR_materials_unlit"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """
    A material and which texture coordinates it wants.

    Attributes:
        material: The material.
        uv_sets: What `Mesh.uvs` and each of `Mesh.more_uvs` are made of.
    """

    material: Material
    uv_sets: Sequence["UvSet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UvSet:
    """
    Texture coordinates as a material wants them.

    Attributes:
        number: That in TEXCOORD_n.
        transform: What moves them (KHR_texture_transform); None: nothing.
    """

    number: int = 0
    transform: Affine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lie:
    """How a texture lies on the mesh: by which coordinates, and how it repeats and is enlarged."""

    uv_set: UvSet
    wrap: tuple[Wrap, Wrap]
    pixelated: bool = False


class MaterialReader:
    """
    Reads each material and each picture of a file once, however many meshes share it.

    Attributes:
        left_out: What the materials read so far have that a `Material` does not, in plain words.
    """

    def __init__(self, data: GltfData) -> None:
        self._data = data
        self._document = data.container.document
        self._looks: dict[int, Look] = {}
        self._images: dict[int, EncodedImage | None] = {}
        self.left_out: set[str] = set()

    def read(self, index: int | None) -> Look:
        """
        Read a material.

        Args:
            index: Which; None: glTF's default.

        Returns:
            How the surface looks.

        Raises:
            InvalidMesh: It is malformed, or refers to what is not there.
        """
        if index is None:
            return Look(material=Material(), uv_sets=[UvSet()])
        if index not in self._looks:
            self._looks[index] = self._look(entry(self._document, "materials", index))
        return self._looks[index]

    def _look(self, source: Object) -> Look:
        surface, extensions = child(source, "pbrMetallicRoughness"), child(source, "extensions")
        specular = child(extensions, _SPECULAR)
        self._note_extensions(extensions)
        tint, metallic, roughness = _factors(surface, specular)
        strength = number(
            child(extensions, "KHR_materials_emissive_strength"), "emissiveStrength", 1.0
        )
        red, green, blue = (
            part * strength for part in numbers(source, "emissiveFactor", (0.0, 0.0, 0.0))
        )
        textures = self._textures(_references(source))
        layout = _Layout([lie for _, lie in textures.values()])
        material = Material(
            name=text(source, "name", "material"),
            base_color=tint,
            metallic=metallic,
            roughness=roughness,
            normal_scale=number(child(source, "normalTexture"), "scale", 1.0),
            occlusion_strength=number(child(source, "occlusionTexture"), "strength", 1.0),
            emissive=(red, green, blue),
            wrap=layout.wrap,
            pixelated=layout.pixelated,
            placements=layout.placements({slot: lie for slot, (_, lie) in textures.items()}),
            double_sided=source.get("doubleSided") is True,
            alpha_mode=_alpha_mode(source),
            alpha_cutoff=number(source, "alphaCutoff", 0.5),
            unlit="KHR_materials_unlit" in extensions,
        )
        return Look(
            material=material.with_textures({slot: one for slot, (one, _) in textures.items()}),
            uv_sets=layout.uv_sets,
        )

    def _note_extensions(self, extensions: Object) -> None:
        for name in extensions:
            if name.startswith("KHR_materials_") and name not in _EXPRESSED:
                what = shown_text(name.removeprefix("KHR_materials_").replace("_", " "), 40)
                self.left_out.add(f"the material's {what} was left out")
        if "specularGlossinessTexture" in child(extensions, _SPECULAR):
            self.left_out.add("the material's specular texture was left out")

    def _textures(self, references: Mapping[str, Object]) -> dict[str, tuple[EncodedImage, _Lie]]:
        """Return the textures there are by what they are for, and how each lies on the mesh."""
        found: dict[str, tuple[EncodedImage, _Lie]] = {}
        for slot, reference in references.items():
            image = self._texture(reference) if reference else None
            if image is not None:
                found[slot] = (image, self._lie(reference))
        return found

    def _lie(self, reference: Object) -> _Lie:
        moved = child(child(reference, "extensions"), "KHR_texture_transform")
        coordinates = integer(reference, "texCoord", 0)
        texture = entry(self._document, "textures", integer(reference, "index"))
        sampler = optional_integer(texture, "sampler")
        how = {} if sampler is None else entry(self._document, "samplers", sampler)
        wraps = [_WRAPS.get(integer(how, key, 10497)) for key in ("wrapS", "wrapT")]
        if wraps[0] is None or wraps[1] is None:
            raise InvalidMesh(reason="a sampler wraps in an unknown way")
        uv_set = UvSet(
            number=integer(moved, "texCoord", coordinates),
            transform=_transform(moved) if moved else None,
        )
        pixelated = optional_integer(how, "magFilter") == _NEAREST
        return _Lie(uv_set=uv_set, wrap=(wraps[0], wraps[1]), pixelated=pixelated)

    def _texture(self, reference: Object) -> EncodedImage | None:
        texture = entry(self._document, "textures", integer(reference, "index"))
        extensions = child(texture, "extensions")
        offered = [
            child(extensions, "EXT_texture_webp"),
            texture,
            child(extensions, _KTX2),
        ]
        sources = (optional_integer(one, "source") for one in offered)
        source = next((one for one in sources if one is not None), None)
        if source is None:
            others = shown_text(", ".join(sorted(extensions)), 80)
            if others:
                self.left_out.add(f"a texture was left out: it is in a format of {others} only")
            return None
        if source not in self._images:
            self._images[source] = self._image(entry(self._document, "images", source))
        return self._images[source]

    def _image(self, source: Object) -> EncodedImage | None:
        """Return a picture that lies in the file; None for one that lies elsewhere or is none."""
        view = optional_integer(source, "bufferView")
        if view is not None:
            content = bytes(self._data.view(view)[0])
        else:
            found = self._data.file(text(source, "uri", ""))
            if found is None:
                self.left_out.add(
                    "a texture that lies in another file was left out; put the model and all its "
                    "files into one ZIP"
                )
                return None
            content = found
        try:
            image = EncodedImage(data=content, media_type=media_type(content))
            texture_size_px(image)
        except InvalidMesh as error:
            # The shape is worth more than one of its textures.
            self.left_out.add(f"a texture was left out: {error.details['reason']}")
            return None
        return image


class _Layout:
    """
    How the textures of a material lie on a mesh, with as few texture coordinates as need be.

    Attributes:
        uv_sets: The texture coordinates that meshes with the material have.
        wrap: How the first texture repeats.
        pixelated: Whether its enlarged texels stay squares.
    """

    def __init__(self, lies: Sequence[_Lie]) -> None:
        leading = lies[0] if lies else _Lie(uv_set=UvSet(), wrap=("repeat", "repeat"))
        self.uv_sets = [leading.uv_set]
        self.wrap = leading.wrap
        self.pixelated = leading.pixelated

    def placements(self, lies: Mapping[str, _Lie]) -> dict[str, Placement]:
        """Return the placements of those that do not lie like the first; extends `uv_sets`."""
        found = {slot: self._placement(lie) for slot, lie in lies.items()}
        return {slot: how for slot, how in found.items() if how != Placement(wrap=self.wrap)}

    def _placement(self, lie: _Lie) -> Placement:
        leading = self.uv_sets[0]
        if lie.uv_set not in self.uv_sets:
            if lie.uv_set.number == leading.number:
                between = _between(leading.transform, lie.uv_set.transform)
                if between is not None:
                    return Placement(transform=between, wrap=lie.wrap)
            self.uv_sets.append(lie.uv_set)
        return Placement(uv_set=self.uv_sets.index(lie.uv_set), wrap=lie.wrap)


def _between(before: Affine | None, after: Affine | None) -> Affine | None:
    """Return what leads from the one to the other; None: glTF's transforms cannot say it."""
    first, second = (np.eye(3) if one is None else _matrix(one) for one in (before, after))
    if abs(np.linalg.det(first)) < _LEAST_SCALE:
        return None
    matrix = second @ np.linalg.inv(first)
    along_u, along_v = matrix[:2, 0], matrix[:2, 1]
    # A turn and two scales leave the axes at right angles.
    skew = abs(float(along_u @ along_v))
    if skew > _LEAST_SCALE * float(np.linalg.norm(along_u) * np.linalg.norm(along_v)):
        return None
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    return (a, b, c), (d, e, f)


def _matrix(transform: Affine) -> NDArray[np.float64]:
    return np.array([*transform, (0.0, 0.0, 1.0)])


def _references(source: Object) -> dict[str, Object]:
    """Return a material's references to textures by slot; the base colour's comes first."""
    surface, extensions = child(source, "pbrMetallicRoughness"), child(source, "extensions")
    specular = child(extensions, _SPECULAR)
    base = child(specular, "diffuseTexture") if specular else child(surface, "baseColorTexture")
    return {
        "base_color": base,
        "metallic_roughness": {} if specular else child(surface, "metallicRoughnessTexture"),
        "normal": child(source, "normalTexture"),
        "occlusion": child(source, "occlusionTexture"),
        "emissive": child(source, "emissiveTexture"),
    }


def _factors(
    surface: Object, specular: Object
) -> tuple[tuple[float, float, float, float], float, float]:
    """Return base colour, metallic and roughness; shiny plastic stands in for the older model."""
    if specular:
        red, green, blue, alpha = numbers(specular, "diffuseFactor", _WHITE)
        return (red, green, blue, alpha), 0.0, 1.0 - number(specular, "glossinessFactor", 1.0)
    red, green, blue, alpha = numbers(surface, "baseColorFactor", _WHITE)
    metallic = number(surface, "metallicFactor", 1.0)
    return (red, green, blue, alpha), metallic, number(surface, "roughnessFactor", 1.0)


def media_type(content: bytes) -> str:
    """
    Tell a texture's type by its bytes.

    Raises:
        InvalidMesh: It is no JPEG, PNG, WebP or KTX2 picture.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(KTX2_MAGIC):
        return KTX2
    raise InvalidMesh(reason="a texture is no JPEG, PNG or WebP picture")


def _alpha_mode(source: Object) -> AlphaMode:
    match text(source, "alphaMode", "OPAQUE"):
        case "OPAQUE" | "MASK" | "BLEND" as known:
            return known
        case _:
            raise InvalidMesh(reason="a material has an unknown alpha mode")


def _transform(source: Object) -> Affine:
    """Return offset × rotation × scale, as KHR_texture_transform defines them."""
    angle = number(source, "rotation", 0.0)
    scale_u, scale_v = numbers(source, "scale", (1.0, 1.0))
    offset_u, offset_v = numbers(source, "offset", (0.0, 0.0))
    cosine, sine = math.cos(angle), math.sin(angle)
    return (
        (cosine * scale_u, sine * scale_v, offset_u),
        (-sine * scale_u, cosine * scale_v, offset_v),
    )
