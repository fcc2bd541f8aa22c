"""Read a model whatever its format."""

import codecs
import struct
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

import numpy as np

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.archives.linked_files import FilesBeside
from image2model.geometry.formats.archives.unpacking import Unpacked, unpack_model
from image2model.geometry.formats.detection import file_format
from image2model.geometry.formats.obj.reader import read_obj
from image2model.geometry.formats.ply.reader import read_ply
from image2model.geometry.formats.stl.reader import read_stl
from image2model.geometry.formats.three_mf.reader import read_3mf
from image2model.geometry.gltf.accessors import GltfData
from image2model.geometry.gltf.container import GlbContainer, parse_glb, parse_gltf_json
from image2model.geometry.gltf.json import Object, children, text
from image2model.geometry.gltf.reader import read_gltf
from image2model.geometry.mesh.types import Mesh, Model

MOST_FACES = 12_000_000
"""More would take over 4 GB to look at, which is what a process may have."""

_UNEXPECTED = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError, struct.error)
"""What wrong bytes lead to where nobody thought of them."""


def read_model(data: bytes, files: Mapping[str, bytes] | None = None) -> Model:
    """
    Read a GLB, glTF, OBJ, PLY, STL or 3MF file, or a ZIP with one of them in it.

    Args:
        data: The whole file; what it is, is told by its bytes.
        files: Those beside it, by their path from its folder: of OBJ, PLY and glTF. None: nobody
            knows where it came from.

    Returns:
        The meshes, and what the file has besides.

    Raises:
        InvalidMesh: It is damaged, too large, or of a kind that cannot be read.
    """
    try:
        found = file_format(data)
        if found is None and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            # Text as some Windows programs save it.
            data = data.decode("utf-16", "replace").encode()
            found = file_format(data)
        # Numbers that are none are refused where they matter; numpy need not warn of them, too.
        with np.errstate(invalid="ignore", over="ignore"):
            model = _read(data, found, files)
    except _UNEXPECTED as error:
        # A net below the readers, which know what is damaged and say so: no file of anybody's may
        # end what else is done at the same time.
        raise InvalidMesh(reason=f"it is damaged ({type(error).__name__} while reading)") from error
    faces = sum(len(mesh.faces) for mesh in model.meshes)
    if faces > MOST_FACES:
        raise InvalidMesh(
            reason=f"it has {faces:,} faces, and {MOST_FACES:,} is the most that can be read here; "
            "reduce it first, in the program that made it"
        )
    return model


def _read(data: bytes, found: str | None, files: Mapping[str, bytes] | None) -> Model:
    match found:
        case "glb":
            return read_gltf(GltfData(container=parse_glb(data)))
        case "zip":
            return _read_zip(unpack_model(data))
        case "obj":
            return read_obj(data, files)
        case "ply":
            return read_ply(data, files)
        case "stl":
            return _alone(read_stl(data))
        case "gltf":
            document = parse_gltf_json(data)
            container = GlbContainer(document=document, binary=memoryview(b""))
            named = _files_of_gltf(document, FilesBeside(files))
            return read_gltf(GltfData(container=container, files=named))
        case None:
            if data.startswith(b"glTF"):
                # Nobody can read it, but what is wrong with it can be said.
                parse_glb(data)
            raise InvalidMesh(reason="it is no GLB, glTF, OBJ, PLY, STL, 3MF or ZIP file")
        case other:
            raise InvalidMesh(
                reason=f"it is {other.upper()}, which can be kept but not converted here"
            )


def _read_zip(unpacked: Unpacked) -> Model:
    if unpacked.format == "3mf":
        return _read_3mf(unpacked)
    kind = file_format(unpacked.content) or unpacked.format
    if kind == "zip":
        raise InvalidMesh(reason="its ZIP archive holds another one; unpack it first")
    model = _read(unpacked.content, kind, unpacked.files)
    return replace(model, left_out=[*model.left_out, *unpacked.left_out])


def _read_3mf(unpacked: Unpacked) -> Model:
    if not unpacked.content:
        return read_3mf(unpacked.files)
    # One that lies in an archive is an archive itself.
    inner = unpack_model(unpacked.content)
    if inner.format != "3mf" or inner.content:
        raise InvalidMesh(reason="the 3MF file in its ZIP archive is none")
    model = read_3mf(inner.files)
    return replace(model, left_out=[*model.left_out, *unpacked.left_out])


def _files_of_gltf(document: Object, beside: FilesBeside) -> Mapping[str, bytes]:
    """Return the files that a document refers to: of all beside it, only those are read."""
    uris = {
        unquote(uri)
        for key in ("buffers", "images")
        for source in children(document, key)
        if (uri := text(source, "uri", "")) and not uri.startswith("data:")
    }
    found = {uri: beside.get(uri) for uri in uris}
    return {uri: content for uri, content in found.items() if content is not None}


def _alone(mesh: Mesh) -> Model:
    return Model(meshes=[mesh])
