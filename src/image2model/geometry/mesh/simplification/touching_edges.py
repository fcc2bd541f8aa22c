"""Keep a closed surface closed where a collapse has made it touch itself along edges."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import islands
from image2model.geometry.mesh.simplification.vertex_table import Indices, VertexTable

_APART = 2e-4
"""How far sheets that touched are moved apart, as a share of the way to their next corners."""

_MOST_ROUNDS = 6


def part_sheets(table: VertexTable, *, tiny: float) -> VertexTable:
    """
    Make of every edge where four faces meet two edges with two faces each.

    Where sheets touch, one corner is doubled, and its halves are moved apart a little. A pair of
    faces that lie on each other, back to back, goes if it is tiny, or if that does not help.

    Args:
        table: Of a surface all of whose edges have as many faces to the one side as to the other.
        tiny: The longest edge of a pair that is not missed.

    Returns:
        The table with more vertices and places, or fewer faces; the same where nothing touches.
    """
    for _ in range(_MOST_ROUNDS):
        crowded = _crowded_places(table.place[table.faces])
        if not len(crowded):
            break
        pairs = _back_to_back(table.place[table.faces])
        small = _longest_edges(table) < tiny
        if (pairs & small).any():
            table = replace(table, faces=table.faces[~(pairs & small)])
            continue
        before = len(table.positions)
        for place in crowded:
            table = _parted_at(table, int(place))
        if len(table.positions) == before:
            if not pairs.any():
                break
            table = replace(table, faces=table.faces[~pairs])
    return table


def _longest_edges(table: VertexTable) -> NDArray[np.float32]:
    corners = table.positions[table.faces]
    edges = corners - np.roll(corners, -1, axis=1)
    return np.asarray(np.linalg.norm(edges, axis=2).max(axis=1))


def _edge_keys(faces: Indices) -> tuple[Indices, Indices]:
    """Return the number of each half edge's edge, and how many half edges each edge has."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    keys = np.minimum(start, end) * (int(faces.max(initial=0)) + 1) + np.maximum(start, end)
    _, edge, count = np.unique(keys, return_inverse=True, return_counts=True)
    return edge, count


def _crowded_places(faces: Indices) -> Indices:
    """Return the places at the ends of edges with more than two faces."""
    edge, count = _edge_keys(faces)
    crowded = count[edge] > 2
    return np.unique([faces.ravel()[crowded], np.roll(faces, -1, axis=1).ravel()[crowded]])


def _back_to_back(faces: Indices) -> NDArray[np.bool_]:
    """Mark pairs of faces with the same places, turned to opposite sides."""
    order = np.argsort(faces, axis=1)
    same = np.take_along_axis(faces, order, axis=1)
    # The sorting of three is a rotation or not: that tells the side.
    side = ((order[:, 1] - order[:, 0]) % 3 == 1).astype(np.int64)
    _, group = np.unique(same, axis=0, return_inverse=True)
    group = group.ravel()
    pairs = np.minimum(
        np.bincount(group[side == 1], minlength=group.max(initial=-1) + 1),
        np.bincount(group[side == 0], minlength=group.max(initial=-1) + 1),
    )
    marked = np.zeros(len(faces), bool)
    for wanted in (0, 1):
        rows = np.flatnonzero(side == wanted)
        rows = rows[np.argsort(group[rows], kind="stable")]
        rank = np.arange(len(rows)) - np.searchsorted(group[rows], group[rows])
        marked[rows[rank < pairs[group[rows]]]] = True
    return marked


def _parted_at(table: VertexTable, place: int) -> VertexTable:
    """Double the corner at *place*, once for each fan of faces around it that closes on its own."""
    corners = table.place[table.faces] == place
    near = np.flatnonzero(corners.any(axis=1))
    fan = _fans(table.place[table.faces[near]], place)
    count = int(fan.max(initial=0)) + 1
    if count < 2:
        return table
    faces = table.faces.copy()
    positions, values = [table.positions], [table.values]
    places, copied = [table.place], []
    vertices, next_place = len(table.positions), int(table.place.max()) + 1
    for number in range(1, count):
        rows = near[fan == number]
        middle = table.positions[faces[rows].ravel()].mean(axis=0)
        own, at = np.unique(faces[rows][corners[rows]], return_inverse=True)
        there = table.positions[own]
        positions.append((there + (middle - there) * np.float32(_APART)).astype(np.float32))
        values.append(table.values[own])
        places.append(np.full(len(own), next_place + number - 1))
        copied.append(own)
        changed = faces[rows]
        changed[corners[rows]] = vertices + at
        faces[rows] = changed
        vertices += len(own)
    again = np.concatenate(copied)
    return replace(
        table,
        faces=faces,
        positions=np.concatenate(positions),
        values=np.concatenate(values),
        place=np.concatenate(places),
        mesh=np.concatenate([table.mesh, table.mesh[again]]),
        origin=np.concatenate([table.origin, table.origin[again]]),
    )


def _fans(faces: Indices, place: int) -> Indices:
    """Number the faces around *place*: those joined by an edge with two faces are one fan."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    spoke = (start == place) | (end == place)
    edge, count = _edge_keys(faces)
    row = np.repeat(np.arange(len(faces)), 3)
    joining = spoke & (count[edge] == 2)
    pairs = row[joining][np.argsort(edge[joining], kind="stable")].reshape(-1, 2)
    fan = _joined(pairs, len(faces))
    # A fan that has an edge to one side only does not close: it belongs to the one it goes on in.
    crowded = spoke & (count[edge] > 2)
    way = np.where(start[crowded] == place, 1, -1)
    keys = np.stack([edge[crowded], fan[row[crowded]]], axis=1)
    unique, at = np.unique(keys, axis=0, return_inverse=True)
    uneven = np.bincount(at.ravel(), way, len(unique)) != 0
    open_edges, open_fans = unique[uneven].T
    order = np.argsort(open_edges, kind="stable")
    chain = open_fans[order]
    next_to = open_edges[order][1:] == open_edges[order][:-1]
    links = np.stack([chain[:-1][next_to], chain[1:][next_to]], axis=1)
    return _joined(links, int(fan.max(initial=0)) + 1)[fan]


def _joined(pairs: Indices, count: int) -> Indices:
    """Number *count* things so that those in one of *pairs* have the same number."""
    alone = np.arange(count)
    links = np.concatenate([pairs[:, [0, 1, 1]], np.stack([alone] * 3, axis=1)])
    return islands(links)[len(pairs) :]
