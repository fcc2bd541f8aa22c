"""How fast models are converted, drawn, inspected and compared: 48 thousand faces, 1.4 million."""

import io
import os
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.writing import write_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.fidelity import measure_fidelity
from image2model.geometry.inspection.report import report_file
from image2model.geometry.mesh.simplification.simplify import simplify
from image2model.geometry.mesh.solids.print_check import check_print
from image2model.geometry.mesh.solids.repair import repair
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.render.camera import frame
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.preview import render_preview
from image2model.geometry.render.scene import prepare_scene
from image2model.geometry.render.sprite import render_sprite

PROMISED_MS = {"stl": 30, "ply": 30, "obj.zip": 200, "usdz": 120, "3mf": 150}
_ROUNDS = 9
_PHOTO_PX = 1024
_LARGE_FACES, _LARGE_S, _LARGE_BYTES = 1_400_000, 10, 1_500_000_000


def main() -> None:
    """Print processor times; the first round, which also imports, does not count."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    mesh = ring(48_000)
    glb = write_glb(mesh)
    print(f"{len(mesh.faces):,} faces, texture of 1024 px: processor time, median of {_ROUNDS}")
    print(f"read the GLB: {median_ms(lambda: read_model(glb))}")
    for name in FORMATS:
        write = partial(write_model, [mesh], name, z_up=False, name="model", metadata={})
        took, size = median_ms(write), len(write())
        promise = f"  (promise: < {PROMISED_MS[name]} ms)" if name in PROMISED_MS else ""
        print(f"write {name}: {took}, {size:,} bytes{promise}")
    print(f"preview of 512 px: {median_ms(lambda: render_preview(glb))}  (promise: < 120 ms)")
    print(f"sprite of 36 × 160 px: {median_ms(lambda: render_sprite(glb))}  (promise: < 400 ms)")
    print(f"inspect: {median_ms(lambda: report_file(glb))}  (promise: < 400 ms)")
    print(f"  of it whether it prints: {median_ms(lambda: check_print([mesh]))}")
    for ground in ("transparent", "grey"):
        picture = photo(mesh, on_grey=ground == "grey")
        took = median_ms(lambda: measure_fidelity(glb, picture, limits=PictureLimits()))  # noqa: B023
        print(f"fidelity, {ground} photo of {_PHOTO_PX} px: {took}  (promise: < 500 ms)")
    print(f"simplify to 10,000 faces: {median_ms(lambda: simplify([mesh], faces=10_000))}")
    print(f"repair: {median_ms(lambda: repair([mesh]))}")
    large(write_glb(ring(_LARGE_FACES)))


def large(glb: bytes) -> None:
    """Convert a model of 1.4 million faces to everything; say how long and with how much."""
    print(f"{_LARGE_FACES:,} faces, GLB in, each format out  (promise: < {_LARGE_S} s)")
    for name in FORMATS:
        wanted = Conversion(format=name, pivot="base")
        began_s = time.process_time()
        convert_file(glb, wanted, name="model")
        print(f"  {name}: {time.process_time() - began_s:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"  peak memory: {peak / 1e6:,.0f} MB  (promise: < {_LARGE_BYTES / 1e6:,.0f} MB)")


def median_ms(work: Callable[[], object]) -> str:
    """Tell the median and the least processor time of several rounds, in milliseconds."""
    work()
    times_s = []
    for _ in range(_ROUNDS):
        began_s = time.process_time()
        work()
        times_s.append(time.process_time() - began_s)
    return f"{statistics.median(times_s) * 1e3:.0f} ms (least {min(times_s) * 1e3:.0f})"


def photo(mesh: Mesh, *, on_grey: bool) -> bytes:
    """Draw *mesh* from aside and above, as a PNG file."""
    scene = prepare_scene([mesh])
    camera = frame(scene.positions, yaw_deg=30, pitch_deg=35)
    drawn = draw_scene(scene, camera, size_px=_PHOTO_PX)
    if on_grey:
        drawn = np.asarray(
            PIL.Image.alpha_composite(
                PIL.Image.new("RGBA", (_PHOTO_PX, _PHOTO_PX), (128, 128, 128, 255)),
                PIL.Image.fromarray(drawn),
            )
        )
    file = io.BytesIO()
    PIL.Image.fromarray(drawn).save(file, "PNG")
    return file.getvalue()


def ring(faces: int) -> Mesh:
    """Make a closed, bumpy ring with a texture seam both ways and about so many faces."""
    across = int((faces / 4) ** 0.5)
    around = faces // (2 * across)
    u, v = np.meshgrid(np.arange(around + 1), np.arange(across + 1))
    angle, tilt = (u % around) * (2 * np.pi / around), (v % across) * (2 * np.pi / across)
    radius = 0.05 * (1 + 0.1 * np.sin(9 * angle) * np.sin(5 * tilt))
    outward = np.stack([np.cos(angle) * np.cos(tilt), np.sin(tilt), -np.sin(angle) * np.cos(tilt)])
    middle = np.stack([np.cos(angle), np.zeros(angle.shape), -np.sin(angle)]) * 0.1
    at = np.arange(u.size).reshape(u.shape)
    a, b, c, d = (part.ravel() for part in (at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]))
    return Mesh(
        name="ring",
        positions=(middle + outward * radius).reshape(3, -1).T.astype(np.float32),
        faces=np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.uint32),
        normals=outward.reshape(3, -1).T.astype(np.float32),
        uvs=np.stack([u / around, v / across], -1).reshape(-1, 2).astype(np.float32),
        material=Material(name="skin", base_color_texture=texture()),
    )


def texture() -> EncodedImage:
    """Make a JPEG of 1024 px with as much detail as a photo."""
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    pixels: NDArray[np.uint8] = np.asarray(cv2.resize(noise, (1024, 1024)), np.uint8)
    _, data = cv2.imencode(".jpg", pixels)
    return EncodedImage(data=data.tobytes(), media_type="image/jpeg")
