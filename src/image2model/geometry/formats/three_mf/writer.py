"""Write meshes as 3MF, the printers' format that knows its unit and keeps colours."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from image2model.core.text.clean import harmless_text
from image2model.geometry.formats.archives.packing import pack_zip
from image2model.geometry.formats.number_formatting import format_rows
from image2model.geometry.formats.three_mf.colors import Coloring, Resources
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.mesh.welding import weld

_MODEL, _TEXTURES = "3D/3dmodel.model", "3D/Textures/"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_PACKAGE = "http://schemas.microsoft.com/3dmanufacturing/2013/01"
_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_MATERIALS = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
_OURS = "urn:image2model:3mf"
_WELL_KNOWN = frozenset(
    {
        "Application",
        "Copyright",
        "CreationDate",
        "Description",
        "Designer",
        "LicenseTerms",
        "ModificationDate",
        "Rating",
        "Title",
    }
)
"""Metadata that the core specification names; others need a namespace."""


def write_3mf(
    meshes: Sequence[Mesh],
    *,
    scale_to_mm: float = 1000.0,
    turn: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """
    Encode *meshes* as one welded object in millimetres, with base colours and their textures.

    After the 3MF core specification 1.3 and its materials and properties extension 1.2.1.

    Args:
        meshes: At least one, counter-clockwise faces outward.
        scale_to_mm: Millimetres that a unit of the meshes becomes.
        turn: Whether their Y is up; it becomes Z, as printers take it.
        metadata: Texts about the model, by name; `Title` and the like are the format's own.

    Returns:
        The file.

    Raises:
        InvalidMesh: A texture that must be recoded cannot be decoded.
    """
    resources = Resources(_TEXTURES)
    colorings = resources.add_all(meshes)
    text = "".join(
        [
            _head(metadata or {}),
            "<resources>\n",
            *resources.elements,
            *_object(meshes, colorings, resources.next_id, scale_to_mm=scale_to_mm, turn=turn),
            f'</resources>\n<build><item objectid="{resources.next_id}"/></build>\n</model>\n',
        ]
    )
    files = {
        "[Content_Types].xml": _content_types().encode(),
        "_rels/.rels": _relationships({_MODEL: f"{_PACKAGE}/3dmodel"}).encode(),
        _MODEL: text.encode("utf-8", "replace"),
    }
    if resources.files:
        kinds = dict.fromkeys(resources.files, f"{_PACKAGE}/3dtexture")
        files["3D/_rels/3dmodel.model.rels"] = _relationships(kinds).encode()
    return pack_zip({**files, **resources.files})


def _head(metadata: Mapping[str, str]) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        (
            f'<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}" xmlns:m="{_MATERIALS}"'
            f' xmlns:i2m="{_OURS}">'
        ),
    ]
    for name, value in metadata.items():
        known = name if name in _WELL_KNOWN else f"i2m:{name}"
        # XML 1.0 cannot hold all characters.
        shown = escape(harmless_text(value, lines=True))
        lines.append(f"<metadata name={quoteattr(known)}>{shown}</metadata>")
    return "\n".join([*lines, ""])


def _object(
    meshes: Sequence[Mesh],
    colorings: Sequence[Coloring | None],
    object_id: int,
    *,
    scale_to_mm: float,
    turn: bool,
) -> Iterator[str]:
    # All or none: a triangle without a colour of its own would take that of the object.
    default = colorings[0]
    looks = f' pid="{default.group}" pindex="{default.first}"' if default else ""
    yield f'<object id="{object_id}" type="model"{looks}><mesh>\n<vertices>\n'
    welded = weld(meshes)
    positions = np.concatenate([mesh.positions for mesh in meshes])[welded.first]
    yield format_rows(
        '<vertex x="%.7g" y="%.7g" z="%.7g"/>\n', _placed(positions, scale_to_mm, turn=turn)
    )
    yield "</vertices>\n<triangles>\n"
    for index, (mesh, coloring) in enumerate(zip(meshes, colorings, strict=True)):
        yield _triangles(welded.places_of(index)[mesh.faces], mesh.faces, coloring)
    yield "</triangles>\n</mesh></object>\n"


def _placed(positions: NDArray[np.float32], scale: float, *, turn: bool) -> NDArray[np.float64]:
    # In float64, and so as the nearest decimal of what was stored.
    x, y, z = (positions.astype(np.float64) * scale + 0.0).T
    return np.stack([x, -z, y] if turn else [x, y, z], axis=1) + 0.0


def _triangles(
    places: NDArray[np.int64], corners: NDArray[np.uint32], coloring: Coloring | None
) -> str:
    a, b, c = places.T
    proper = (a != b) & (b != c) & (c != a)
    corner_text = '<triangle v1="%d" v2="%d" v3="%d"'
    if coloring is None:
        return format_rows(corner_text + "/>\n", places[proper])
    if coloring.of_vertex is None:
        looks = f' pid="{coloring.group}" p1="{coloring.first}"/>\n'
        return format_rows(corner_text + looks, places[proper])
    entries = coloring.of_vertex[corners[proper]]
    looks = f' pid="{coloring.group}" p1="%d" p2="%d" p3="%d"/>\n'
    return format_rows(corner_text + looks, np.concatenate([places[proper], entries], axis=1))


def _content_types() -> str:
    types = {
        "rels": "application/vnd.openxmlformats-package.relationships+xml",
        "model": "application/vnd.ms-package.3dmanufacturing-3dmodel+xml",
        "jpg": "image/jpeg",
        "png": "image/png",
    }
    entries = "".join(
        f'<Default Extension="{end}" ContentType="{kind}"/>' for end, kind in types.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Types xmlns='
        f'"http://schemas.openxmlformats.org/package/2006/content-types">{entries}</Types>\n'
    )


def _relationships(kinds: Mapping[str, str]) -> str:
    entries = "".join(
        f'<Relationship Id="r{number}" Type="{kind}" Target="/{path}"/>'
        for number, (path, kind) in enumerate(kinds.items())
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Relationships xmlns="{_RELATIONSHIPS}">{entries}</Relationships>\n'
    )
