"""Write meshes as USDZ, which iPhones, Macs and Vision Pro open by themselves."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.formats.texture_files import TextureFiles
from image2model.geometry.formats.usd.crate import write_crate
from image2model.geometry.formats.usd.materials import (
    MATERIALS,
    UsdMaterials,
    primvar_of,
    uv_layouts,
)
from image2model.geometry.formats.usd.tree import (
    UsdAttribute,
    UsdLayer,
    UsdPrim,
    UsdRelationship,
)
from image2model.geometry.mesh.textures.srgb import to_linear
from image2model.geometry.mesh.textures.surface_colors import surface_colors
from image2model.geometry.mesh.types import Mesh, transformed

_ALIGNMENT = 64
_PADDING_FIELD = 0x1986
_FIELD_HEADER = struct.Struct("<HH")
_THE_TIME = (1980, 1, 1, 0, 0, 0)


def write_usdz(
    meshes: Sequence[Mesh],
    *,
    meters_per_unit: float = 1.0,
    up_axis: str = "Y",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """
    Encode *meshes* as a USDZ package with a binary layer and JPEG or PNG textures.

    Materials become `UsdPreviewSurface`. After Pixar's USDZ specification 1.3: stored, not
    compressed, every file at a multiple of 64 bytes, the layer first.

    Args:
        meshes: At least one.
        meters_per_unit: What a unit of the meshes is.
        up_axis: `Y` or `Z`.
        metadata: Texts about the model, by name.

    Returns:
        The file.

    Raises:
        InvalidMesh: A texture that must be recoded cannot be decoded.
    """
    textures = TextureFiles("textures/")
    materials = UsdMaterials(textures)
    bodies = [_mesh(mesh, f"Mesh_{at}", materials) for at, mesh in enumerate(meshes)]
    scope = UsdPrim(name=MATERIALS, type_name="Scope", children=materials.prims)
    root = UsdPrim(name="Model", type_name="Xform", kind="component", children=[*bodies, scope])
    layer = UsdLayer(
        root=root,
        meters_per_unit=meters_per_unit,
        up_axis=up_axis,
        metadata=metadata or {},
    )
    return _pack({"model.usdc": write_crate(layer), **textures.files})


def _mesh(mesh: Mesh, name: str, materials: UsdMaterials) -> UsdPrim:
    used = mesh.positions[np.unique(mesh.faces)]
    properties: list[UsdAttribute | UsdRelationship] = [
        UsdAttribute(
            name="doubleSided", type_name="bool", uniform=True, value=mesh.material.double_sided
        ),
        UsdAttribute(
            name="extent",
            type_name="float3[]",
            value=np.stack([used.min(axis=0), used.max(axis=0)]),
        ),
        UsdAttribute(
            name="faceVertexCounts",
            type_name="int[]",
            value=np.full(len(mesh.faces), 3, np.int32),
        ),
        UsdAttribute(name="faceVertexIndices", type_name="int[]", value=mesh.faces.ravel()),
        UsdAttribute(name="points", type_name="point3f[]", value=mesh.positions),
        UsdAttribute(name="subdivisionScheme", type_name="token", uniform=True, value="none"),
        UsdRelationship(name="material:binding", target=materials.add(mesh)),
    ]
    if mesh.normals is not None:
        properties.append(_primvar("normals", "normal3f[]", mesh.normals))
    if mesh.uvs is not None:
        for layout, (uv_set, transform) in enumerate(uv_layouts(mesh.material)):
            uvs = mesh.uv_sets()[uv_set]
            moved = uvs if transform is None else transformed(uvs, transform)
            upwards = moved * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
            properties.append(_primvar(f"primvars:{primvar_of(layout)}", "texCoord2f[]", upwards))
    if mesh.colors is not None and (colors := surface_colors(mesh, glow=False)) is not None:
        light = to_linear(colors[:, :3])
        properties.append(_primvar("primvars:displayColor", "color3f[]", light))
    return UsdPrim(
        name=name,
        type_name="Mesh",
        api_schemas=["MaterialBindingAPI"],
        properties=sorted(properties, key=lambda one: one.name),
    )


def _primvar(name: str, type_name: str, values: NDArray[np.float32]) -> UsdAttribute:
    return UsdAttribute(name=name, type_name=type_name, value=values, interpolation="vertex")


def _pack(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _THE_TIME)
            header_bytes = 30 + len(path.encode()) + _FIELD_HEADER.size
            padding = -(packed.tell() + header_bytes) % _ALIGNMENT
            entry.extra = _FIELD_HEADER.pack(_PADDING_FIELD, padding) + bytes(padding)
            archive.writestr(entry, content)
    return packed.getvalue()
