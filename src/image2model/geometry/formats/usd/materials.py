"""Materials as USD's preview surface."""

from collections.abc import Mapping, Sequence

from image2model.geometry.formats.texture_files import TextureFiles
from image2model.geometry.formats.usd.tree import UsdAttribute, UsdPrim
from image2model.geometry.mesh.textures.recoding import bent, without_webp
from image2model.geometry.mesh.types import Affine, EncodedImage, Material, Mesh, Wrap

MATERIALS = "Materials"
_WRAPS: Mapping[Wrap, str] = {"clamp": "clamp", "mirror": "mirror", "repeat": "repeat"}
_Quad = tuple[float, float, float, float]
_NOTHING: _Quad = (0.0, 0.0, 0.0, 0.0)


def uv_layouts(material: Material) -> Sequence[tuple[int, Affine | None]]:
    """List the different ways in which the textures of *material* lie: uv set and transform."""
    hows = [material.placement(slot) for slot in material.textures()]
    return list(dict.fromkeys([(0, None), *((how.uv_set, how.transform) for how in hows)]))


def primvar_of(layout: int) -> str:
    """Name the texture coordinates for the way number *layout*: `st`, `st1`, …."""
    return f"st{layout or ''}"


class UsdMaterials:
    """
    Collects materials as `UsdPreviewSurface` networks (Pixar's UsdPreviewSurface 2.6).

    Args:
        textures: Where their pictures go; WebP, which USDZ does not hold, as JPEG or PNG.
    """

    def __init__(self, textures: TextureFiles) -> None:
        self._textures = textures
        self._names: dict[tuple[int, bool, bool], str] = {}
        self._recoded: dict[tuple[int, float], EncodedImage] = {}
        self.prims: list[UsdPrim] = []

    def add(self, mesh: Mesh) -> str:
        """Return the path of the material that *mesh* wants."""
        key = (id(mesh.material), mesh.uvs is not None, mesh.colors is not None)
        if key not in self._names:
            name = f"Material_{len(self.prims)}"
            self._names[key] = f"/Model/{MATERIALS}/{name}"
            self.prims.append(self._material(mesh, name, self._names[key]))
        return self._names[key]

    def _material(self, mesh: Mesh, name: str, path: str) -> UsdPrim:
        images = mesh.material.textures() if mesh.uvs is not None else {}
        network = _Network(path, mesh.material)
        layouts = uv_layouts(mesh.material)
        for slot, image in images.items():
            bend = mesh.material.normal_scale if slot == "normal" else 1.0
            recoded = self._recoded.get((id(image), bend))
            if recoded is None:
                # The format knows no strength of normal maps, so it goes into the picture.
                recoded = without_webp(image) if bend == 1.0 else bent(image, strength=bend)
                self._recoded[id(image), bend] = recoded
            how = mesh.material.placement(slot)
            layout = layouts.index((how.uv_set, how.transform))
            network.add_texture(slot, self._textures.add(recoded, slot), layout=layout)
        if mesh.colors is not None and "base_color" not in images:
            network.follow_vertex_colors()
        return UsdPrim(
            name=name,
            type_name="Material",
            properties=[
                UsdAttribute(
                    name="outputs:surface",
                    type_name="token",
                    source=f"{path}/Surface.outputs:surface",
                )
            ],
            children=network.shaders(),
        )


class _Network:
    """The shaders of one material: the surface, and what feeds it."""

    def __init__(self, path: str, material: Material) -> None:
        self._path = path
        self._material = material
        self._feeders: list[UsdPrim] = []
        self._layouts = {0}
        self._layout = 0
        red, green, blue, alpha = material.base_color
        self._inputs: dict[str, UsdAttribute] = {}
        self._set("diffuseColor", "color3f", (red, green, blue))
        self._set("emissiveColor", "color3f", material.emissive)
        self._set("metallic", "float", material.metallic)
        self._set("roughness", "float", material.roughness)
        if material.alpha_mode != "OPAQUE":
            self._set("opacity", "float", alpha)
        if material.alpha_mode == "MASK":
            self._set("opacityThreshold", "float", material.alpha_cutoff)

    def add_texture(self, slot: str, file: str, *, layout: int) -> None:
        """Feed the inputs that the texture for *slot* is for; it lies in the way *layout*."""
        material = self._material
        self._layout = layout
        self._layouts.add(layout)
        match slot:
            case "base_color":
                outputs = {"diffuseColor": "rgb"}
                if material.alpha_mode != "OPAQUE":
                    outputs["opacity"] = "a"
                self._texture(slot, file, outputs, scale=material.base_color)
            case "metallic_roughness":
                scale = (1.0, material.roughness, material.metallic, 1.0)
                outputs = {"roughness": "g", "metallic": "b"}
                self._texture(slot, file, outputs, scale=scale, raw=True)
            case "normal":
                self._texture(
                    slot,
                    file,
                    {"normal": "rgb"},
                    scale=(2.0, 2.0, 2.0, 1.0),
                    bias=(-1.0, -1.0, -1.0, 0.0),
                    raw=True,
                )
            case "occlusion":
                much = material.occlusion_strength
                self._texture(
                    slot,
                    file,
                    {"occlusion": "r"},
                    scale=(much, much, much, 1.0),
                    bias=(1 - much, 1 - much, 1 - much, 0.0),
                    raw=True,
                )
            case "emissive":
                self._texture(slot, file, {"emissiveColor": "rgb"}, scale=(*material.emissive, 1.0))

    def follow_vertex_colors(self) -> None:
        """Feed the base colour from the mesh's `displayColor`."""
        reader = UsdPrim(
            name="VertexColor",
            type_name="Shader",
            properties=[
                _identity("UsdPrimvarReader_float3"),
                UsdAttribute(name="inputs:varname", type_name="string", value="displayColor"),
                UsdAttribute(name="outputs:result", type_name="float3"),
            ],
        )
        self._feeders.append(reader)
        self._connect("diffuseColor", f"{self._path}/VertexColor.outputs:result")

    def shaders(self) -> Sequence[UsdPrim]:
        """Return all of them, the surface first."""
        inputs = sorted(self._inputs.values(), key=lambda one: one.name)
        surface = UsdPrim(
            name="Surface",
            type_name="Shader",
            properties=[
                _identity("UsdPreviewSurface"),
                *inputs,
                UsdAttribute(name="outputs:surface", type_name="token"),
            ],
        )
        coordinates = [
            UsdPrim(
                name=f"Coordinates{layout or ''}",
                type_name="Shader",
                properties=[
                    _identity("UsdPrimvarReader_float2"),
                    UsdAttribute(
                        name="inputs:varname", type_name="string", value=primvar_of(layout)
                    ),
                    UsdAttribute(name="outputs:result", type_name="float2"),
                ],
            )
            for layout in sorted(self._layouts)
        ]
        return [surface, *coordinates, *self._feeders]

    def _set(self, name: str, type_name: str, value: object) -> None:
        self._inputs[name] = UsdAttribute(name=f"inputs:{name}", type_name=type_name, value=value)

    def _connect(self, name: str, source: str) -> None:
        type_name = {"normal": "normal3f", "diffuseColor": "color3f", "emissiveColor": "color3f"}
        self._inputs[name] = UsdAttribute(
            name=f"inputs:{name}", type_name=type_name.get(name, "float"), source=source
        )

    def _texture(
        self,
        slot: str,
        file: str,
        outputs: Mapping[str, str],
        *,
        scale: _Quad,
        bias: _Quad = _NOTHING,
        raw: bool = False,
    ) -> None:
        name = "".join(part.capitalize() for part in slot.split("_"))
        along_u, along_v = self._material.placement(slot).wrap
        properties = [
            _identity("UsdUVTexture"),
            UsdAttribute(name="inputs:bias", type_name="float4", value=bias),
            UsdAttribute(name="inputs:file", type_name="asset", value=file),
            UsdAttribute(name="inputs:scale", type_name="float4", value=scale),
            UsdAttribute(
                name="inputs:sourceColorSpace", type_name="token", value="raw" if raw else "sRGB"
            ),
            UsdAttribute(
                name="inputs:st",
                type_name="float2",
                source=f"{self._path}/Coordinates{self._layout or ''}.outputs:result",
            ),
            UsdAttribute(name="inputs:wrapS", type_name="token", value=_WRAPS[along_u]),
            UsdAttribute(name="inputs:wrapT", type_name="token", value=_WRAPS[along_v]),
            *(
                UsdAttribute(
                    name=f"outputs:{channel}", type_name="float3" if channel == "rgb" else "float"
                )
                for channel in sorted(outputs.values())
            ),
        ]
        self._feeders.append(UsdPrim(name=name, type_name="Shader", properties=properties))
        for name_of_input, channel in outputs.items():
            self._connect(name_of_input, f"{self._path}/{name}.outputs:{channel}")


def _identity(name: str) -> UsdAttribute:
    return UsdAttribute(name="info:id", type_name="token", uniform=True, value=name)
