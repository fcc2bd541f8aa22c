"""Colours that several pictures give one surface, and the patches that none of them shows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.geometry.shapes.multiview.atlas import vertex_normals
from image2model.geometry.shapes.multiview.patchwork import number_islands, sew_patches
from image2model.geometry.shapes.multiview.seams import twin_half_edges
from image2model.geometry.shapes.multiview.surface_nets import surface_of
from image2model.geometry.shapes.multiview.view_colors import (
    Projection,
    mix_colors,
    retouch,
    share_out,
    smooth_normals,
)

Floats = NDArray[np.float32]
RADIUS = 12.0
RED, BLUE = (200, 0, 0), (0, 0, 200)


def ball() -> tuple[Floats, NDArray[np.int32]]:
    index = np.indices((31, 31, 31)) - 15
    depth = (RADIUS - np.sqrt((index**2).sum(axis=0))).astype(np.float32)
    points, faces = surface_of(depth > 0, lambda at: depth[tuple(at.T)])
    return (points - 15).astype(np.float32)[:, ::-1].copy(), faces


def view(points: Floats, axis: int, sign: int, color: tuple[int, int, int]) -> Projection:
    direction = np.zeros(3, np.float32)
    direction[axis] = sign
    across = points[:, [other for other in range(3) if other != axis]]
    plain = np.full((64, 64, 3), color, np.uint8)
    return Projection(
        rgb=plain,
        rough=plain[::2, ::2].astype(np.float32),
        at=(across / (2 * RADIUS + 2) + 0.5).astype(np.float32),
        direction=direction,
        trust=1.0,
    )


def test_each_place_has_the_colour_of_the_picture_that_faces_it() -> None:
    points, faces = ball()
    views = [view(points, 2, 1, RED), view(points, 0, 1, BLUE)]
    outward = points / np.linalg.norm(points, axis=1, keepdims=True)
    shares = share_out(points, outward, views)
    colors = mix_colors(views, shares, faces)
    assert np.allclose(colors[outward[:, 2] > 0.95], RED, atol=4)
    assert np.allclose(colors[outward[:, 0] > 0.95], BLUE, atol=4)
    between = np.abs(outward[:, 0] - outward[:, 2]) < 0.02
    seen = between & (outward[:, 0] > 0.6)
    assert seen.any()
    assert np.allclose(colors[seen], (100, 0, 100), atol=15)


def test_what_no_picture_shows_takes_after_its_surroundings() -> None:
    points, faces = ball()
    views = [view(points, 2, 1, RED)]
    outward = points / np.linalg.norm(points, axis=1, keepdims=True)
    shares = share_out(points, outward, views)
    assert not shares[outward[:, 2] < 0].any()
    assert np.allclose(mix_colors(views, shares, faces), RED, atol=1)


def test_a_hidden_place_is_not_coloured_by_what_hides_it() -> None:
    """Two balls, one behind the other: the front picture says nothing about the one behind."""
    points, faces = ball()
    both = np.concatenate([points, points - np.array([0, 0, 40], np.float32)])
    outward = np.concatenate([points, points]) / np.float32(RADIUS)
    shares = share_out(both, outward.astype(np.float32), [view(both, 2, 1, RED)])
    assert shares[: len(points)].any()
    assert not shares[len(points) :].any()
    assert faces.max() < len(points)


def test_retouching_changes_a_picture_only_where_the_surface_differs() -> None:
    points, _ = ball()
    front = view(points, 2, 1, RED)
    mine = points[:, 2] > 0
    colors = np.tile(np.array(RED, np.float32), (len(points), 1))
    colors[points[:, 0] > 6] = BLUE
    touched = retouch(front, colors[mine], np.ones(int(mine.sum()), np.float32), front.at[mine])
    assert np.allclose(touched[32, 12], RED, atol=3)
    assert np.allclose(touched[32, 56], BLUE, atol=12)


def test_normals_are_evened_out() -> None:
    points, faces = ball()
    outward = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.3, points.shape)
    rough = outward + noise.astype(np.float32)
    even = smooth_normals(rough, faces)
    assert np.linalg.norm(even, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(even - outward).mean() < 0.6 * np.abs(rough - outward).mean()


def test_patches_keep_their_colours_apart() -> None:
    """The two ends of a ball, seen along the same axis, do not share a place in the texture."""
    points, faces = ball()
    normals = vertex_normals(points, faces)[faces].sum(axis=1)
    charts = np.where(np.abs(normals[:, 1]) > 2, 1, 0)
    islands = number_islands(charts, twin_half_edges(faces), first=1)
    assert set(islands.tolist()) == {0, 1, 2}
    vertex_island = np.zeros(len(points), np.int64)
    vertex_island[faces[islands == 1]] = 1
    vertex_island[faces[islands == 2]] = 2
    mine = vertex_island > 0
    colors = np.where(vertex_island[mine, None] == 1, RED, BLUE).astype(np.float32)
    axes = np.ones(int(mine.sum()), np.int64)
    patches = sew_patches(points[mine], axes, vertex_island[mine] - 1, colors)
    height, width = patches.rgb.shape[:2]
    column, row = (patches.at * [width, height]).astype(int).T
    assert np.abs(patches.rgb[row, column] - colors).max() < 40
