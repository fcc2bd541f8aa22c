"""What a mesh must be for a slicer, and how well it keeps an outline."""

import manifold3d
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.render.raster import rasterize
from image2model.geometry.shapes.shape import Shape

TO_WORLD = np.array([1, -1, 1], np.float32)
"""From a picture's axes, y down, to the world's."""


def check_solid(shape: Shape) -> float:
    """Assert that *shape* is a closed solid in the eyes of manifold3d; return its volume."""
    assert np.isfinite(shape.points).all()
    assert np.allclose(np.linalg.norm(shape.normals, axis=1), 1, atol=1e-4)
    assert is_watertight(shape.faces)
    mesh = manifold3d.Mesh(shape.points * TO_WORLD, shape.faces.astype(np.uint32))
    solid = manifold3d.Manifold(mesh)
    assert solid.status() == manifold3d.Error.NoError
    volume = float(solid.volume())
    assert volume > 0
    return volume


def outline_overlap(shape: Shape, coverage: NDArray[np.uint8]) -> float:
    """Project *shape* to the front; return its intersection over union with the subject."""
    height_px, width_px = coverage.shape
    seen = np.zeros(coverage.size, bool)
    points = np.column_stack([shape.points[:, :2], np.full((len(shape.points), 2), (0.5, 1.0))])
    fragments = rasterize(
        points.astype(np.float64),
        shape.faces,
        width_px=width_px,
        height_px=height_px,
        hide_back=False,
    )
    seen[fragments.pixels] = True
    subject = coverage.ravel() > 127
    return float((seen & subject).sum() / (seen | subject).sum())
