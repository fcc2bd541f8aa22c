"""Compare our readers, rasteriser and USD writer with libraries (decision 0014).

Every task runs in a process of its own: processor time and peak memory include the imports.
pygltflib and pyrender are skipped where they are not installed.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from bench.bytecode import with_bytecode
from bench.formats import ring
from image2model.geometry.gltf.writer import write_glb
from tests.hostile.corpus import corpus

FACES = 48_000
ROUNDS = 5
MEMORY_BYTES = 4_000_000_000
MUCH_BYTES = 500_000_000
LIMIT_S = 20
SUFFIXES = {
    "GLB": ".glb", "glTF": ".gltf", "PLY": ".ply", "OBJ": ".obj", "STL": ".stl", "3MF": ".3mf",
    "ZIP": ".zip",
}  # fmt: skip

TASKS: Mapping[str, Mapping[str, str]] = {
    "GLB to STL": {
        "image2model": """
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.writing import write_model
meshes = read_model(source.read_bytes()).meshes
target.write_bytes(write_model(meshes, "stl", z_up=True, name="model", metadata={}))
""",
        "trimesh": """
import trimesh
trimesh.load_mesh(source).export(target, file_type="stl")
""",
    },
    "GLB to OBJ, MTL and texture": {
        "image2model": """
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.writing import write_model
meshes = read_model(source.read_bytes()).meshes
target.write_bytes(write_model(meshes, "obj.zip", z_up=False, name="model", metadata={}))
""",
        "trimesh": """
import trimesh
trimesh.load_mesh(source).export(target, file_type="obj", mtl_name="model.mtl")
""",
    },
    "GLB to GLB": {
        "image2model": """
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.writing import write_model
meshes = read_model(source.read_bytes()).meshes
target.write_bytes(write_model(meshes, "glb", z_up=False, name="model", metadata={}))
""",
        "trimesh": """
import trimesh
trimesh.load_scene(source).export(target, file_type="glb")
""",
        "pygltflib": """
import pygltflib
pygltflib.GLTF2().load_binary(str(source)).save_binary(str(target))
""",
    },
    "GLB to USDZ": {
        "image2model": """
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.writing import write_model
meshes = read_model(source.read_bytes()).meshes
target.write_bytes(write_model(meshes, "usdz", z_up=False, name="model", metadata={}))
""",
        "usd-core": """
from image2model.geometry.formats.reading import read_model
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdUtils, Vt
mesh = read_model(source.read_bytes()).meshes[0]
picture = target.with_suffix(".jpg")
picture.write_bytes(mesh.material.base_color_texture.data)
layer = target.with_suffix(".usdc")
stage = Usd.Stage.CreateNew(str(layer))
UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/model").GetPrim())
shape = UsdGeom.Mesh.Define(stage, "/model/shape")
shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(mesh.positions))
shape.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(mesh.normals))
shape.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(mesh.faces.ravel().astype("i4")))
shape.CreateFaceVertexCountsAttr(Vt.IntArray(len(mesh.faces), 3))
shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
uvs = UsdGeom.PrimvarsAPI(shape).CreatePrimvar(
    "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex)
flipped = mesh.uvs.copy(); flipped[:, 1] = 1 - flipped[:, 1]
uvs.Set(Vt.Vec2fArray.FromNumpy(flipped))
material = UsdShade.Material.Define(stage, "/model/skin")
surface = UsdShade.Shader.Define(stage, "/model/skin/surface")
surface.CreateIdAttr("UsdPreviewSurface")
reader = UsdShade.Shader.Define(stage, "/model/skin/st")
reader.CreateIdAttr("UsdPrimvarReader_float2")
reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
texture = UsdShade.Shader.Define(stage, "/model/skin/texture")
texture.CreateIdAttr("UsdUVTexture")
texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(picture.name)
texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
    reader.CreateOutput("result", Sdf.ValueTypeNames.Float2))
surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(
    texture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3))
material.CreateSurfaceOutput().ConnectToSource(
    surface.CreateOutput("surface", Sdf.ValueTypeNames.Token))
UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(material)
stage.Save()
assert UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(target))
""",
    },
    "Draw the GLB, 512 px": {
        "image2model": """
from image2model.geometry.render.preview import render_preview
target.write_bytes(render_preview(source.read_bytes()))
""",
        "pyrender": """
import os
os.environ["PYOPENGL_PLATFORM"] = "egl"
import numpy, PIL.Image, pyrender, trimesh
scene = pyrender.Scene.from_trimesh_scene(trimesh.load_scene(source))
pose = numpy.eye(4); pose[2, 3] = 0.5
scene.add(pyrender.PerspectiveCamera(yfov=0.8), pose=pose)
scene.add(pyrender.DirectionalLight(intensity=3), pose=pose)
colors, _ = pyrender.OffscreenRenderer(512, 512).render(scene)
PIL.Image.fromarray(colors).save(target, "WEBP")
""",
    },
}

READERS = {
    "image2model": """
from image2model.core.errors import InvalidMesh as Refused
from image2model.geometry.formats.reading import read_model
read = lambda: sum(len(mesh.faces) for mesh in read_model(source.read_bytes()).meshes)
""",
    "trimesh": """
import trimesh
Refused = ()
read = lambda: sum(len(mesh.faces) for mesh in trimesh.load_scene(source).geometry.values())
""",
}


def main() -> None:
    """Print the tasks, each as a multiple of ours, then what each reader does with bad files."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        compare(Path(folder))
        resist(Path(folder))


def compare(folder: Path) -> None:
    """Print processor time, peak memory and size of the result for each task."""
    source = folder / "ring.glb"
    source.write_bytes(write_glb(ring(FACES)))
    print(f"{FACES:,} faces, texture of 1024 px; imports included, least of {ROUNDS} processes")
    for task, programs in TASKS.items():
        print(task)
        # Taking turns, so that a busy moment of the machine does not fall on one of them alone.
        runs: dict[str, list[Mapping[str, object]]] = {name: [] for name in programs}
        for _ in range(ROUNDS):
            for name, program in programs.items():
                if find_spec({"usd-core": "pxr"}.get(name, name)) is not None:
                    runs[name].append(run(program, source, folder / f"{name}.out"))
        print_runs(runs)


def print_runs(runs: Mapping[str, list[Mapping[str, object]]]) -> None:
    """Print the runs of one task, as multiples of those of image2model."""
    ours_s = ours_bytes = 0.0
    for name, of_name in runs.items():
        if not of_name:
            print(f"  {name:12} is not installed")
            continue
        done = [one for one in of_name if "failed" not in one]
        if not done:
            print(f"  {name:12} fails: {of_name[0]['failed']}")
            continue
        taken_s = min(float(str(one["processor_s"])) for one in done)
        peak = min(float(str(one["peak_bytes"])) for one in done)
        ours_s, ours_bytes = ours_s or taken_s, ours_bytes or peak
        print(
            f"  {name:12} {taken_s * 1e3:6.0f} ms ({taken_s / ours_s:.2f} x)  "
            f"{peak / 1e6:5.0f} MB ({peak / ours_bytes:.2f} x)  {done[0]['size']:>12,} bytes"
        )


def resist(folder: Path) -> None:
    """Print how the readers end on the hostile models of the tests."""
    hostile = [one for one in corpus() if one.kind == "model"]
    print(
        f"{len(hostile)} hostile models of tests/hostile, with {MEMORY_BYTES / 1e9:.0f} GB of "
        f"address space and {LIMIT_S} s for each"
    )
    ends: dict[str, Counter[str]] = {reader: Counter() for reader in READERS}
    for number, one in enumerate(hostile):
        source = folder / f"{number}{SUFFIXES.get(one.name.split()[1].rstrip(':'), '.glb')}"
        source.write_bytes(one.make())
        for reader, program in READERS.items():
            done = run(program + _READ, source, folder / "out", limit_bytes=MEMORY_BYTES)
            end = str(done.get("failed") or done["said"])
            ends[reader][end] += 1
            if (peak := float(str(done.get("peak_bytes", 0)))) > MUCH_BYTES:
                ends[reader]["more than 500 MB of memory"] += 1
            if "failed" in done or peak > MUCH_BYTES:
                print(f"  {reader:12} {one.name}: {end}, {peak / 1e6:.0f} MB")
    for reader, counts in ends.items():
        print(f"  {reader:12} {', '.join(f'{end}: {n}' for end, n in counts.most_common())}")


_READ = """
try:
    read()
    said = "read"
except Refused:
    said = "refused"
except MemoryError:
    said = "out of memory"
except Exception as error:
    said = type(error).__name__
"""


def run(
    program: str, source: Path, target: Path, *, limit_bytes: int | None = None
) -> Mapping[str, object]:
    """
    Run a program with `source` and `target` in a process of its own.

    Returns:
        `processor_s`, `peak_bytes`, `size` of the target and `said`; or `failed`, with the reason.
    """
    preamble = f"from pathlib import Path\nsource, target = Path({str(source)!r}), "
    preamble += f"Path({str(target)!r})\nsaid = ''\n"
    report = """
import json, re, time
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps({
    "processor_s": time.process_time(), "peak_bytes": int(peak) * 1024,
    "size": target.stat().st_size if target.exists() else 0, "said": said[:160],
}))
"""
    target.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            [sys.executable, "-c", preamble + program + report],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
            preexec_fn=limit_memory(limit_bytes),
            env=with_bytecode(target.parent),
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"did not end within {LIMIT_S} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"failed": last[:160]}
    answer: Mapping[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def limit_memory(limit_bytes: int | None) -> Callable[[], None] | None:
    """Return what limits the address space of a process before it starts; None: nothing does."""
    if limit_bytes is None:
        return None
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
