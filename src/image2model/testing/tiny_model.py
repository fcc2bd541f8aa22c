"""The smallest honest 3D file: a closed, coloured cube."""

import numpy as np

from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Material, Mesh

_CORNERS = [(x, y, z) for x in (-0.05, 0.05) for y in (0.0, 0.1) for z in (-0.05, 0.05)]
_QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def tiny_glb(name: str = "cube") -> bytes:
    """Write a cube of 100 mm as a GLB file: 8 vertices, 12 faces, watertight."""
    faces = [(a, b, c) for a, b, c, _ in _QUADS] + [(a, c, d) for a, _, c, d in _QUADS]
    mesh = Mesh(
        name=name,
        positions=np.array(_CORNERS, np.float32),
        faces=np.array(faces, np.uint32),
        material=Material(name=name, base_color=(0.8, 0.3, 0.1, 1.0)),
    )
    return write_glb(mesh)
