"""Write meshes as Wavefront OBJ with its materials and textures, in one ZIP."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.formats.archives.packing import pack_zip
from image2model.geometry.formats.number_formatting import format_rows, pick_rows
from image2model.geometry.formats.obj.mtl_writer import MaterialLibrary
from image2model.geometry.mesh.textures.srgb import to_srgb
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.mesh.welding import Welded, weld


def write_obj_zip(meshes: Sequence[Mesh], *, name: str, comments: Sequence[str] = ()) -> bytes:
    """
    Encode *meshes* as `NAME.obj`, `NAME.mtl` and their textures, in one ZIP.

    Positions that texture seams doubled are written once, so a closed mesh stays closed. Vertex
    colours follow the positions, as most programs read them though the format has none.

    After the specification of Wavefront's Advanced Visualizer (1995), appendix B1.

    Args:
        meshes: At least one; in their own unit and orientation.
        name: Of the files; safe as a file name.
        comments: Lines for people, at the top.

    Returns:
        The ZIP.

    Raises:
        InvalidMesh: A texture that must be recoded cannot be decoded.
    """
    library = MaterialLibrary()
    text = "".join(_lines(meshes, library, name=name, comments=comments))
    return pack_zip(
        {
            f"{name}.obj": text.encode("utf-8", "replace"),
            f"{name}.mtl": library.text.encode("utf-8", "replace"),
            **library.files,
        }
    )


def _lines(
    meshes: Sequence[Mesh], library: MaterialLibrary, *, name: str, comments: Sequence[str]
) -> Iterator[str]:
    yield from (f"# {' '.join(comment.split())}\n" for comment in comments)
    yield f"mtllib {name}.mtl\n"
    colors = _colors(meshes)
    welded = weld(meshes, also=colors)
    yield _positions(meshes, welded, colors)
    next_uv = next_normal = 1
    for index, mesh in enumerate(meshes):
        label = " ".join(mesh.name.split()) or f"mesh {index}"
        yield f"o {label}\nusemtl {library.add(mesh.material)}\n"
        words = [str(place + 1) for place in welded.places_of(index).tolist()]
        if mesh.uvs is not None:
            # From the bottom upwards, other than glTF.
            upwards = mesh.uvs * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
            yield format_rows("vt %.7g %.7g\n", upwards)
        if mesh.normals is not None:
            yield format_rows("vn %.4g %.4g %.4g\n", mesh.normals)
        corner = _corner(mesh)
        words = [corner % (word, next_uv + at, next_normal + at) for at, word in enumerate(words)]
        yield pick_rows("f %s %s %s\n", words, mesh.faces)
        next_uv += len(words) if mesh.uvs is not None else 0
        next_normal += len(words) if mesh.normals is not None else 0


def _corner(mesh: Mesh) -> str:
    """Return how a face names a corner, from position, texture coordinate and normal."""
    if mesh.uvs is not None and mesh.normals is not None:
        return "%s/%d/%d"
    if mesh.uvs is not None:
        return "%s/%d%.0s"
    return "%s%.0s%.0s" if mesh.normals is None else "%s/%.0s/%d"


def _positions(meshes: Sequence[Mesh], welded: Welded, colors: NDArray[np.uint8] | None) -> str:
    positions = np.concatenate([mesh.positions for mesh in meshes])[welded.first]
    if colors is None:
        return format_rows("v %.7g %.7g %.7g\n", positions)
    light = np.asarray(colors[welded.first, :3] / np.float32(255), np.float32)
    shares = to_srgb(light) / np.float32(255)
    return format_rows(
        "v %.7g %.7g %.7g %.4g %.4g %.4g\n", np.concatenate([positions, shares], axis=1)
    )


def _colors(meshes: Sequence[Mesh]) -> NDArray[np.uint8] | None:
    if all(mesh.colors is None for mesh in meshes):
        return None
    return np.concatenate(
        [
            np.full((len(mesh.positions), 4), 255, np.uint8) if mesh.colors is None else mesh.colors
            for mesh in meshes
        ]
    )
