"""The formats read by others' code: how many faces they see there, and how large a solid."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import lib3mf
import manifold3d
import numpy as np
import trimesh
from pxr import Usd, UsdGeom, UsdValidation

_PER_METRE = {"stl": 1000.0, "3mf": 1000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    What somebody else sees in a file.

    Attributes:
        faces: Triangles.
        volume_m3: Between the faces, if the surface is closed.
        complaints: What their validator, or strict reader, finds wrong.
    """

    faces: int
    volume_m3: float
    complaints: list[str]


def see(format_name: str, content: bytes, folder: Path) -> Seen:
    """Read *content* with a reader that is not ours; *folder* is for those that want a file."""
    match format_name:
        case "usdz":
            return _see_usdz(content, folder)
        case "3mf":
            return _see_3mf(content)
        case "gltf.zip" | "obj.zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(folder)
            [path] = [*folder.glob("*.gltf"), *folder.glob("*.obj")]
            return _see_surface(trimesh.load(path), format_name)
        case other:
            return _see_surface(trimesh.load(io.BytesIO(content), file_type=other), other)


def opened_usdz(content: bytes, folder: Path) -> Usd.Stage:
    """Open a USDZ package with OpenUSD."""
    path = folder / "model.usdz"
    path.write_bytes(content)
    stage = Usd.Stage.Open(str(path))
    assert stage
    return stage


def complaints_of_usd(stage: Usd.Stage) -> list[str]:
    """Ask all of OpenUSD's validators, those for Apple's devices among them."""
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    names = {validator.GetMetadata().name for validator in validators}
    assert {
        "usdUtilsValidators:UsdzPackageValidator",
        "usdUtilsValidators:RootPackageValidator",
    } <= names
    found = UsdValidation.ValidationContext(validators).Validate(stage)
    return [f"{one.GetName()}: {one.GetMessage()}" for one in found]


def read_3mf(content: bytes) -> lib3mf.Model:
    """Read a 3MF file as strictly as lib3mf does; a warning is a failure."""
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromBuffer(content)
    assert [reader.GetWarning(at) for at in range(reader.GetWarningCount())] == []
    return model


def is_solid(surface: trimesh.Trimesh) -> bool:
    """Ask manifold3d."""
    mesh = manifold3d.Mesh(
        np.asarray(surface.vertices, np.float32), np.asarray(surface.faces, np.uint32)
    )
    mesh.merge()
    return bool(manifold3d.Manifold(mesh).status() == manifold3d.Error.NoError)


def _see_surface(found: object, format_name: str) -> Seen:
    surface = found.to_mesh() if isinstance(found, trimesh.Scene) else found
    assert isinstance(surface, trimesh.Trimesh)
    unit = _PER_METRE.get(format_name, 1.0)
    return Seen(faces=len(surface.faces), volume_m3=float(surface.volume) / unit**3, complaints=[])


def _see_usdz(content: bytes, folder: Path) -> Seen:
    stage = opened_usdz(content, folder)
    meshes = [UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    faces, volume = 0, 0.0
    for mesh in meshes:
        corners = np.reshape(mesh.GetFaceVertexIndicesAttr().Get(), (-1, 3))
        points = np.array(mesh.GetPointsAttr().Get(), float)
        faces += len(corners)
        volume += _volume(points[corners])
    return Seen(faces=faces, volume_m3=volume, complaints=complaints_of_usd(stage))


def _see_3mf(content: bytes) -> Seen:
    faces, volume = 0, 0.0
    objects = read_3mf(content).GetMeshObjects()
    while objects.MoveNext():
        mesh = objects.GetCurrentMeshObject()
        points = np.array([list(one.Coordinates) for one in mesh.GetVertices()], float)
        corners = np.array([list(one.Indices) for one in mesh.GetTriangleIndices()])
        faces += len(corners)
        volume += _volume(points[corners]) / _PER_METRE["3mf"] ** 3
    return Seen(faces=faces, volume_m3=volume, complaints=[])


def _volume(triangles: np.ndarray) -> float:
    a, b, c = (triangles - triangles.mean(axis=(0, 1))).swapaxes(0, 1)
    return float((a * np.cross(b, c)).sum() / 6)
