"""What a glTF file uses and meshes do not hold: said where it can be spared, refused where not."""

from collections.abc import Iterable, Mapping
from typing import Any

from image2model.core.errors import InvalidMesh
from image2model.core.text.clean import harmless_text
from image2model.geometry.gltf import draco, meshopt
from image2model.geometry.gltf.json import Object, child, children, text, texts

INSTANCING = "EXT_mesh_gpu_instancing"
VISIBILITY = "KHR_node_visibility"

_HONOURED = frozenset(
    {
        INSTANCING,
        VISIBILITY,
        "EXT_texture_webp",
        "KHR_materials_emissive_strength",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_unlit",
        "KHR_mesh_quantization",
        "KHR_texture_basisu",
        "KHR_texture_transform",
        draco.EXTENSION,
        meshopt.EXTENSION,
    }
)
_WORDS: Mapping[str, str] = {
    "CESIUM_RTC": "its place on the globe (CESIUM_RTC) was left out",
    "KHR_lights_punctual": "its lights were left out",
    "KHR_materials_variants": "its material variants were left out: it has the default materials",
    "MSFT_lod": "its coarser levels of detail were left out: it has the finest",
}
_SPARED_NAMES = frozenset(
    {
        "AGI_articulations",
        "CESIUM_primitive_outline",
        "EXT_feature_metadata",
        "EXT_instance_features",
        "EXT_mesh_features",
        "EXT_mesh_manifold",
        "EXT_structural_metadata",
        "KHR_animation_pointer",
        "KHR_implicit_shapes",
        "KHR_interactivity",
        "KHR_node_hoverability",
        "KHR_node_selectability",
        "MSFT_audio_emitter",
        "MSFT_lod",
    }
)
_SPARED_FAMILIES = (
    "EXT_lights_",
    "EXT_texture_",
    "FB_",
    "KHR_audio",
    "KHR_lights_",
    "KHR_materials_",
    "KHR_physics_",
    "KHR_texture_",
    "KHR_xmp",
    "MOZ_",
    "MSFT_texture_",
    "OMI_",
    "VRM",
)
"""How the names of extensions begin that add to the triangles or colour them, and move none."""

_MOVES_TRIANGLES = frozenset({"accessors", "bufferViews", "buffers", "meshes", "nodes", "skins"})
"""The parts of a document in which an unknown extension may change where triangles are."""

_LONGEST_NAME = 60
_LONGEST_NOTE = 200
_MOST_NAMED = 4


def refuse_unknown_shapes(document: Object) -> None:
    """
    Insist that nothing which decides on the shape needs an extension that is not read here.

    Raises:
        InvalidMesh: The file requires such an extension.
    """
    places = _places(document)
    needed = [
        name
        for name in texts(document, "extensionsRequired")
        if name not in _HONOURED and not _can_be_spared(name, places.get(name, frozenset()))
    ]
    if needed:
        raise InvalidMesh(
            reason=f"it needs {_listed(needed)}, which is not supported and decides on its shape; "
            "export it without that extension"
        )


def features_left_out(document: Object) -> set[str]:
    """Say what a document has that is not read, one plain sentence each, without a stop."""
    left_out = set()
    used = {*texts(document, "extensionsUsed"), *texts(document, "extensionsRequired")}
    unknown = []
    for name in sorted(used | _places(document).keys()):
        if name in _WORDS:
            left_out.add(_WORDS[name])
        elif name not in _HONOURED and not name.startswith("KHR_materials_"):
            unknown.append(name)
    if unknown:
        left_out.add(f"what these extensions add was left out: {_listed(unknown)}")
    if children(document, "animations"):
        left_out.add("its animations were left out")
    if children(document, "skins"):
        left_out.add("its skeleton was left out: it stands still as it is posed")
    if children(document, "cameras"):
        left_out.add("its cameras were left out")
    copyright_note = text(child(document, "asset"), "copyright", "")
    if copyright_note:
        left_out.add(
            f"its copyright note was left out: {shown_text(copyright_note, _LONGEST_NOTE)}"
        )
    scenes = len(children(document, "scenes"))
    if scenes > 1:
        left_out.add(f"it has {scenes} scenes: only the one that is shown first was kept")
    return left_out


def attributes_left_out(primitive: Object, kept: Iterable[str]) -> set[str]:
    """
    Say which numbers at the vertices of a primitive are not kept.

    Args:
        primitive: The primitive.
        kept: The names of those that are, or that are applied.
    """
    left_out = set()
    own = []
    for name in sorted(child(primitive, "attributes").keys() - set(kept)):
        if name.startswith("COLOR_"):
            left_out.add("further colours of its vertices (COLOR_1 and up) were left out")
        elif name.startswith("TEXCOORD_"):
            left_out.add("texture coordinates that none of its textures uses were left out")
        elif name.startswith("_"):
            own.append(name)
        elif name != "TANGENT":
            left_out.add(f"{shown_text(name)} at its vertices was left out")
    if own:
        left_out.add(f"its own data at the vertices was left out: {_listed(own)}")
    return left_out


def _can_be_spared(name: str, places: frozenset[str]) -> bool:
    if name in _SPARED_NAMES or name.startswith(_SPARED_FAMILIES):
        return True
    # One that stands nowhere may change what the numbers mean, as KHR_mesh_quantization does.
    return bool(places) and not places & _MOVES_TRIANGLES


def _places(document: Object) -> dict[str, frozenset[str]]:
    """Return in which parts of the document each extension stands, by its name."""
    found: dict[str, set[str]] = {name: {"root"} for name in child(document, "extensions")}
    for part, content in document.items():
        if part in {"extensions", "extras"}:
            continue
        waiting: list[Any] = [content]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                extensions = value.get("extensions")
                if isinstance(extensions, dict):
                    for name in extensions:
                        found.setdefault(name, set()).add(part)
                waiting += [one for key, one in value.items() if key != "extras"]
            elif isinstance(value, list) and value and isinstance(value[0], dict | list):
                waiting += value
    return {name: frozenset(parts) for name, parts in found.items()}


def _listed(names: list[str]) -> str:
    shown = ", ".join(shown_text(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def shown_text(text_of_file: str, longest: int = _LONGEST_NAME) -> str:
    """Return what anybody may have written, fit for a line on a screen."""
    return harmless_text(text_of_file, longest=longest)
