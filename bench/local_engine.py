"""How fast and how true the keyless engine is: `local/puff`, 50,000 faces, one core."""

import io
import os
import statistics
import time

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from bench.alpha_pictures import alpha_pictures
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.render.preview import render_preview
from image2model.providers.local.engine import make_model

PICTURES = 60
_OPTIONS = {"face_limit": 50_000}


def main() -> None:
    """Make models of varied pictures, one by one; print times, solidity and outline overlap."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    pictures = alpha_pictures(PICTURES)
    make_model("local/puff", {"front": pictures[0]}, _OPTIONS, name="warm", limits=PictureLimits())
    times_s, cpu_s, preview_s, overlaps, closed = [], [], [], [], 0
    for picture in pictures:
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        model = make_model(
            "local/puff", {"front": picture}, _OPTIONS, name="model", limits=PictureLimits()
        )
        times_s.append(time.perf_counter() - started_s)
        cpu_s.append(time.process_time() - started_cpu_s)
        started_cpu_s = time.process_time()
        render_preview(model.glb)
        preview_s.append(time.process_time() - started_cpu_s)
        overlaps.append(outline_overlap(picture, model.glb))
        solid = trimesh.load_mesh(io.BytesIO(model.glb), file_type="glb")
        closed += solid.is_watertight and solid.is_winding_consistent
    print(f"{PICTURES} pictures of 1024 px with alpha, 50,000 faces, one core")
    print(
        f"picture to GLB: median {statistics.median(times_s) * 1e3:.0f} ms, "
        f"p95 {statistics.quantiles(times_s, n=20)[-1] * 1e3:.0f} ms, "
        f"processor time {statistics.median(cpu_s) * 1e3:.0f} ms  (promise: median < 60 ms)"
    )
    print(f"preview of 512 px: median {statistics.median(preview_s) * 1e3:.0f} ms processor time")
    print(f"watertight: {closed} of {PICTURES}  (promise: all)")
    print(
        f"outline IoU from the front: median {statistics.median(overlaps):.4f}, "
        f"least {min(overlaps):.4f}  (promise: median >= 0.99)"
    )


def outline_overlap(picture: bytes, glb: bytes) -> float:
    """
    Compare a model's outline from the front with the picture's alpha.

    Both are scaled to the same box, since the model's place and size are its own.

    Returns:
        Intersection over union, 0.0-1.0.
    """
    alpha = np.asarray(Image.open(io.BytesIO(picture)))[..., 3] > 127
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    wanted = alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    made = _front_outline(glb, wanted.shape)
    return float((wanted & made).sum() / (wanted | made).sum())


def _front_outline(glb: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    [mesh] = read_glb(glb)
    low, high = mesh.positions.min(0), mesh.positions.max(0)
    height_px, width_px = shape
    x = (mesh.positions[:, 0] - low[0]) / (high[0] - low[0]) * width_px
    y = (high[1] - mesh.positions[:, 1]) / (high[1] - low[1]) * height_px
    # OpenCV counts from pixel centres, in 1/16 pixels here.
    corners = np.round((np.stack([x, y], 1) - 0.5) * 16).astype(np.int32)[mesh.faces]
    canvas = np.zeros((height_px, width_px), np.uint8)
    for triangle in corners:
        cv2.fillConvexPoly(canvas, triangle, 255, shift=4)
    return np.asarray(canvas > 0, np.bool_)
