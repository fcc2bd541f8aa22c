"""All that can be told of a model, for somebody about to use or print it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh, JsonValue
from image2model.geometry.formats.detection import file_format
from image2model.geometry.formats.reading import read_model
from image2model.geometry.inspection.facts import MeshFacts, inspect_meshes
from image2model.geometry.mesh.simplification.vertex_clustering import thin
from image2model.geometry.mesh.solids.print_check import check_print
from image2model.geometry.mesh.solids.repair import PRINTER_MIN_MM
from image2model.geometry.mesh.textures.decoding import texture_size_px, without_unreadable
from image2model.geometry.mesh.types import Material, Mesh

_MM = 1000.0
_MANY_FACES, _MOST_CHECKED = 4_000_000, 1_000_000
"""A print check of more than the first takes more memory than a process has: the second is left."""


def report_file(
    data: bytes,
    *,
    printer_min_mm: float = PRINTER_MIN_MM,
    files: Mapping[str, bytes] | None = None,
) -> Mapping[str, JsonValue]:
    """
    Inspect a GLB, glTF, OBJ, PLY, STL or 3MF file, or a ZIP with one of them in it.

    Args:
        data: The whole file.
        printer_min_mm: The thinnest wall a printer makes, in millimetres.
        files: Those beside it; see `read_model`.

    Returns:
        JSON values, as `InspectionOut` of `wire` describes them.

    Raises:
        InvalidMesh: It cannot be read.
    """
    model = read_model(data, files)
    facts = inspect_meshes(model.meshes)
    left_out = [*model.left_out, *_unreadable(model.meshes)]
    checked = thin(model.meshes, faces=_MOST_CHECKED) if facts.faces > _MANY_FACES else model.meshes
    if checked is not model.meshes:
        faces = sum(len(mesh.faces) for mesh in checked)
        left_out.append(f"its print check is of a copy with {faces:,} faces: it has too many")
    printing = check_print(checked, printer_min_mm=printer_min_mm)
    return {
        "format": file_format(data),
        "size_bytes": len(data),
        **_shape(facts),
        "materials": [_material(one) for one in _unique([m.material for m in model.meshes])],
        "textures": _textures(model.meshes),
        "texels_per_mm": _texel_density(model.meshes),
        "left_out": left_out,
        "print": {
            "printer_min_mm": printer_min_mm,
            "manifold": printing.edges.manifold,
            **_rounded(asdict(printing)),
        },
    }


def _unreadable(meshes: Sequence[Mesh]) -> Sequence[str]:
    """Say which textures cannot be decoded; those of a model with far too many are not tried."""
    try:
        return without_unreadable(meshes)[1]
    except InvalidMesh as error:
        return [f"its textures were not looked into: {error.details['reason']}"]


def _shape(facts: MeshFacts) -> dict[str, JsonValue]:
    return {
        "faces": facts.faces,
        "vertices": facts.vertices,
        "meshes": facts.meshes,
        "low_mm": [round(part * _MM, 3) for part in facts.low],
        "high_mm": [round(part * _MM, 3) for part in facts.high],
        "size_mm": [round(side, 3) for side in facts.size_mm],
        "vertex_colors": facts.vertex_colors,
        "watertight": facts.watertight,
    }


def _material(material: Material) -> dict[str, JsonValue]:
    return {
        "name": material.name,
        "textures": sorted(material.textures()),
        "metallic": material.metallic,
        "roughness": material.roughness,
        "alpha_mode": material.alpha_mode,
        "double_sided": material.double_sided,
    }


def _unique(materials: Sequence[Material]) -> list[Material]:
    return list({id(material): material for material in materials}.values())


def _textures(meshes: Sequence[Mesh]) -> list[dict[str, JsonValue]]:
    slots = {
        id(image): (slot, image)
        for mesh in meshes
        for slot, image in mesh.material.textures().items()
    }
    told = []
    for slot, image in slots.values():
        width_px, height_px = texture_size_px(image)
        told.append(
            {
                "use": slot,
                "media_type": image.media_type,
                "width_px": width_px,
                "height_px": height_px,
                "size_bytes": len(image.data),
            }
        )
    return told


def _texel_density(meshes: Sequence[Mesh]) -> float | None:
    """Return texels of the base colour per millimetre of surface; None: there are none."""
    texels = area_mm2 = 0.0
    for mesh in meshes:
        image = mesh.material.base_color_texture
        if image is None or mesh.uvs is None:
            continue
        width_px, height_px = texture_size_px(image)
        texels += _area_2d(mesh.uvs * np.array([width_px, height_px]), mesh.faces)
        a, b, c = (mesh.positions.astype(np.float64) * _MM)[mesh.faces].swapaxes(0, 1)
        area_mm2 += float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    return round(float(np.sqrt(texels / area_mm2)), 3) if area_mm2 else None


def _area_2d(points: NDArray[np.floating], faces: NDArray[np.uint32]) -> float:
    a, b, c = points[faces].swapaxes(0, 1)
    ab, ac = b - a, c - a
    return float(np.abs(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]).sum()) / 2


def _rounded(told: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {
        key: round(value, 4) if isinstance(value, float) else value for key, value in told.items()
    }
