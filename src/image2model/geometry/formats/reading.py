"""Read a model whatever its format."""

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.obj_reader import read_obj
from image2model.geometry.formats.ply_reader import read_ply
from image2model.geometry.formats.stl_reader import read_stl, stl_left_out
from image2model.geometry.formats.zip_reader import Unpacked, unpack_model
from image2model.geometry.glb_container import GlbContainer, parse_glb, parse_gltf_json
from image2model.geometry.glb_reader import read_gltf
from image2model.geometry.gltf_accessors import GltfData
from image2model.geometry.mesh import Mesh, Model
from image2model.geometry.mesh_types import HEAD_BYTES, mesh_format

MOST_FACES = 12_000_000
"""More would take over 4 GB to look at, which is what a process may have."""


def read_model(data: bytes) -> Model:
    """
    Read a GLB, OBJ, PLY or STL file, or a ZIP with one of them or glTF in it.

    Args:
        data: The whole file; what it is, is told by its bytes.

    Returns:
        The meshes, and what the file has besides.

    Raises:
        InvalidMesh: It is damaged, too large, or of a kind that cannot be read.
    """
    model = _read(data, mesh_format(data[:HEAD_BYTES], size_bytes=len(data)))
    faces = sum(len(mesh.faces) for mesh in model.meshes)
    if faces > MOST_FACES:
        raise InvalidMesh(
            reason=f"it has {faces:,} faces, and {MOST_FACES:,} is the most that can be read here; "
            "reduce it first, in the program that made it"
        )
    return model


def _read(data: bytes, found: str | None) -> Model:
    match found:
        case "glb":
            return read_gltf(GltfData(container=parse_glb(data)))
        case "zip":
            return _read_unpacked(unpack_model(data))
        case "obj":
            return read_obj(data)
        case "ply":
            return _alone(read_ply(data))
        case "stl":
            return Model(meshes=[read_stl(data)], left_out=stl_left_out(data))
        case "gltf":
            return _read_gltf_file(data, {})
        case None:
            if data.startswith(b"glTF"):
                # Nobody can read it, but what is wrong with it can be said.
                parse_glb(data)
            raise InvalidMesh(reason="it is no GLB, OBJ, PLY, STL or ZIP file")
        case other:
            raise InvalidMesh(
                reason=f"it is {other.upper()}, which can be kept but not converted here"
            )


def _read_unpacked(unpacked: Unpacked) -> Model:
    match unpacked.format:
        case "obj":
            return read_obj(unpacked.content, unpacked.files)
        case "gltf":
            return _read_gltf_file(unpacked.content, dict(unpacked.files))
        case kind:
            return _read(unpacked.content, kind)


def _read_gltf_file(data: bytes, files: dict[str, bytes]) -> Model:
    container = GlbContainer(document=parse_gltf_json(data), binary=memoryview(b""))
    return read_gltf(GltfData(container=container, files=files))


def _alone(mesh: Mesh) -> Model:
    return Model(meshes=[mesh])
