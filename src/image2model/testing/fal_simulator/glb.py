"""Build the simulator's meshes: a closed, textured ball as a GLB of the size ordered."""

import functools
import io
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

_RING_BYTES = 112
"""What one more ring squared costs: 2 vertices of 32 bytes and 4 triangles of 12 bytes."""

_JSON_BYTES = 4096
"""Room kept for the JSON chunk with the caller's extras; what is not needed becomes spaces."""

SMALLEST_GLB_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """The binary chunk of a ball and the JSON that describes it."""

    chunk: bytes
    document: Mapping[str, Any]


def build_glb(*, size_bytes: int, extras: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """
    Build a watertight, textured GLB 2.0 file.

    Texture coordinates are a projection along z, so that no vertex has to be split at a seam
    and the mesh is closed by its indices alone. The layout follows the glTF 2.0 specification,
    section 4.4 (GLB file format).

    Args:
        size_bytes: Size of the whole file; rounded up to a multiple of 4 and at least
            `SMALLEST_GLB_BYTES`.
        extras: JSON kept under `asset.extras`, at most about 2,500 bytes.

    Returns:
        The file in two pieces; files of one size share the second.
    """
    size_bytes = max(SMALLEST_GLB_BYTES, -(-size_bytes // 4) * 4)
    body = _build_body(size_bytes)
    asset = {"version": "2.0", "generator": "image2model fal simulator", "extras": dict(extras)}
    text = json.dumps({"asset": asset, **body.document}, separators=(",", ":")).encode()
    json_bytes = size_bytes - 12 - 8 - len(body.chunk)
    head = struct.pack("<4sII", b"glTF", 2, size_bytes)
    return head + struct.pack("<I4s", json_bytes, b"JSON") + text.ljust(json_bytes), body.chunk


def build_png(*, size_px: int) -> bytes:
    """Build a square PNG with a colour gradient, *size_px* wide."""
    ramp = np.linspace(0, 255, size_px, dtype=np.uint8)
    red, green = np.meshgrid(ramp, ramp)
    stream = io.BytesIO()
    Image.fromarray(np.dstack([red, green, 255 - red])).save(stream, "PNG")
    return stream.getvalue()


@functools.lru_cache(maxsize=32)
def _build_body(size_bytes: int) -> _Body:
    texture = build_png(size_px=16)
    texture += bytes(-len(texture) % 4)
    room = size_bytes - _JSON_BYTES - len(texture) - 28
    positions, faces = _ball(rings=max(3, math.isqrt(room // _RING_BYTES)))
    uv = np.stack([positions[:, 0], -positions[:, 1]], axis=1) * np.float32(0.5) + np.float32(0.5)
    pieces = [positions.tobytes(), positions.tobytes(), uv.tobytes(), faces.tobytes(), texture]
    binary = b"".join(pieces)
    document = _describe(pieces, vertex_count=len(positions), index_count=faces.size)
    return _Body(chunk=struct.pack("<I4s", len(binary), b"BIN\0") + binary, document=document)


def _ball(*, rings: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a unit sphere with single poles: positions (V, 3) float32, faces (F, 3) uint32."""
    segments = 2 * rings
    polar = np.linspace(0, np.pi, rings + 1)[1:-1, None]
    around = np.linspace(0, 2 * np.pi, segments, endpoint=False)[None, :]
    x, z = np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around)
    y = np.broadcast_to(np.cos(polar), x.shape)
    middle = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    positions = np.vstack([[[0, 1, 0]], middle, [[0, -1, 0]]]).astype(np.float32)
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)

    grid = 1 + np.arange((rings - 1) * segments).reshape(rings - 1, segments)
    right = np.roll(grid, -1, axis=1)
    top = np.stack([np.zeros_like(grid[0]), right[0], grid[0]], axis=-1)
    upper = np.stack([grid[:-1], right[:-1], right[1:]], axis=-1).reshape(-1, 3)
    lower = np.stack([grid[:-1], right[1:], grid[1:]], axis=-1).reshape(-1, 3)
    last = np.full_like(grid[0], len(positions) - 1)
    bottom = np.stack([last, grid[-1], right[-1]], axis=-1)
    return positions, np.vstack([top, upper, lower, bottom]).astype(np.uint32)


def _describe(pieces: list[bytes], *, vertex_count: int, index_count: int) -> dict[str, Any]:
    array_buffer, element_buffer = 34962, 34963
    targets = [array_buffer, array_buffer, array_buffer, element_buffer, None]
    views: list[dict[str, int]] = []
    offset = 0
    for piece, target in zip(pieces, targets, strict=True):
        view = {"buffer": 0, "byteOffset": offset, "byteLength": len(piece)}
        views.append(view if target is None else {**view, "target": target})
        offset += len(piece)
    floats, integers = 5126, 5125
    bounds = np.frombuffer(pieces[0], np.float32).reshape(-1, 3)
    low, high = bounds.min(axis=0).tolist(), bounds.max(axis=0).tolist()
    vertices = {"componentType": floats, "count": vertex_count}
    return {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "ball"}],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2},
                        "indices": 3,
                        "material": 0,
                    }
                ]
            }
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{}],
        "images": [{"bufferView": 4, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "type": "VEC3", **vertices, "min": low, "max": high},
            {"bufferView": 1, "type": "VEC3", **vertices},
            {"bufferView": 2, "type": "VEC2", **vertices},
            {
                "bufferView": 3,
                "type": "SCALAR",
                "componentType": integers,
                "count": index_count,
            },
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
