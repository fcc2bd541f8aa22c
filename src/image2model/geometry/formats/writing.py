"""Write a model in the requested format, and say what that format does not hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.formats.gltf_zip import write_gltf_zip
from image2model.geometry.formats.obj.writer import write_obj_zip
from image2model.geometry.formats.ply.writer import write_ply
from image2model.geometry.formats.stl.writer import write_stl
from image2model.geometry.formats.three_mf.colors import glow_of, lies_alike
from image2model.geometry.formats.three_mf.writer import write_3mf
from image2model.geometry.formats.usd.writer import write_usdz
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Material, Mesh


def write_model(
    meshes: Sequence[Mesh],
    format_name: str,
    *,
    z_up: bool,
    name: str,
    metadata: Mapping[str, str],
) -> bytes:
    """
    Encode *meshes*.

    Args:
        meshes: In metres, Y up.
        format_name: The format, such as `glb` or `obj.zip`.
        z_up: Whether Z is up in the file, and not Y.
        name: Of the files within an archive; safe as a file name.
        metadata: Texts about the model by name, for the formats that hold such.

    Returns:
        The file.

    Raises:
        InvalidMesh: A texture that must be recoded cannot be decoded.
    """
    axis = "Z" if z_up else "Y"
    about = [f"unit: metre, {axis} up", *(f"{key}: {text}" for key, text in metadata.items())]
    upright = _turned_z_up(meshes) if z_up else meshes
    writers: Mapping[str, Callable[[], bytes]] = {
        "glb": lambda: write_glb(*upright, extras=metadata, made_by=metadata.get("generator", "")),
        "gltf.zip": lambda: write_gltf_zip(upright, name=name, extras=metadata),
        "obj.zip": lambda: write_obj_zip(upright, name=name, comments=about),
        "stl": lambda: write_stl(meshes, turn=z_up),
        "ply": lambda: write_ply(upright, comments=about),
        "usdz": lambda: write_usdz(upright, up_axis=axis, metadata=metadata),
        "3mf": lambda: write_3mf(meshes, turn=z_up, metadata={"Title": name, **metadata}),
    }
    return writers[format_name]()


def beyond_format(meshes: Sequence[Mesh], format_name: str) -> list[str]:
    """
    Say what *meshes* have that a format does not hold, one plain sentence each.

    Args:
        meshes: What is written.
        format_name: The format.
    """
    materials = list({id(mesh.material): mesh.material for mesh in meshes}.values())
    slots = {slot for material in materials for slot in material.textures()}
    both = any(mesh.colors is not None and mesh.material.base_color_texture for mesh in meshes)
    colored = any(mesh.colors is not None for mesh in meshes)
    unlit = any(material.unlit for material in materials)
    lost = _look_lost(materials, format_name)
    match format_name:
        case "stl":
            if slots or colored or _has_colors(materials):
                lost.append("STL holds no colours: textures and colours were left out")
        case "ply":
            if "base_color" in slots:
                lost.append("PLY holds no textures: their colours went to the vertices, coarser")
            lost += _named(slots - {"base_color", "emissive"}, "PLY")
        case "3mf":
            lost += _named(slots - {"base_color", "emissive"}, "3MF")
            if both:
                lost.append("3MF takes colours of vertices or a texture: colours were taken")
            if colored or slots & {"base_color", "emissive"}:
                lost.append(
                    "the 3MF has no filaments: many slicers show its colours or textures in one "
                    "filament until they are painted or mapped there"
                )
        case "obj.zip":
            lost += _named(slots & {"occlusion"}, "OBJ")
            lost += ["OBJ knows no unlit material: it will be lit"] if unlit else []
        case "usdz":
            if both:
                lost.append("USDZ takes colours of vertices or a texture: the texture was taken")
            lost += ["USDZ knows no unlit material: it will be lit"] if unlit else []
    return lost


def _has_colors(materials: Sequence[Material]) -> bool:
    """Tell whether plain materials are more than one shade of grey, which nobody misses."""
    shades = {one.base_color[:3] for one in materials}
    return len(shades) > 1 or any(len(set(shade)) > 1 for shade in shades)


def _look_lost(materials: Sequence[Material], format_name: str) -> list[str]:
    """Say what of light and transparency a format does not hold."""
    lost: list[str] = []
    name = format_name.partition(".")[0].upper()
    glowing = [one for one in materials if any(glow_of(one))]
    if glowing and format_name in {"ply", "3mf"}:
        lost.append(f"{name} knows no light: what glows has its colour instead")
    if format_name == "3mf" and any(
        one.emissive_texture and not lies_alike(one) for one in glowing
    ):
        lost.append("the emissive texture was left out: it lies on other coordinates")
    if format_name in {"stl", "ply", "3mf"} and any(m.alpha_mode != "OPAQUE" for m in materials):
        lost.append(f"{name} knows no transparency: what is transparent or cut out is solid")
    sharp = any(one.pixelated and one.textures() for one in materials)
    if sharp and format_name in {"obj.zip", "usdz", "3mf"}:
        lost.append(f"{name} does not say that texels stay sharp: enlarged textures look soft")
    return lost


def _named(slots: set[str], format_name: str) -> list[str]:
    names = ", ".join(sorted(slot.replace("_", " ") for slot in slots))
    return [f"{format_name} holds no such textures, which were left out: {names}"] if slots else []


def _turned_z_up(meshes: Sequence[Mesh]) -> Sequence[Mesh]:
    """Turn *meshes* so that what was Y, up, is Z; the front, +Z, becomes −Y."""
    return [
        replace(
            mesh,
            positions=_turned(mesh.positions),
            normals=None if mesh.normals is None else _turned(mesh.normals),
        )
        for mesh in meshes
    ]


def _turned(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    x, y, z = vectors.T
    # Adding zero makes −0.0 the same as 0.0.
    return np.stack([x, -z, y], axis=1) + np.float32(0)
