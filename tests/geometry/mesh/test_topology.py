"""Whether faces enclose something, by their indices."""

import numpy as np

from image2model.geometry.mesh.topology import is_watertight

TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [0, 2, 3]])


def test_a_tetrahedron_is_closed() -> None:
    assert is_watertight(TETRAHEDRON)


def test_a_missing_face_opens_it() -> None:
    assert not is_watertight(TETRAHEDRON[1:])


def test_a_face_turned_over_breaks_it() -> None:
    turned = TETRAHEDRON.copy()
    turned[0] = turned[0, ::-1]
    assert not is_watertight(turned)


def test_four_faces_on_an_edge_break_it() -> None:
    second = np.array([0, 1, 4, 5])[TETRAHEDRON]
    assert not is_watertight(np.concatenate([TETRAHEDRON, second]))


def test_two_solids_are_closed() -> None:
    assert is_watertight(np.concatenate([TETRAHEDRON, TETRAHEDRON + 4]))


def test_no_faces_enclose_nothing() -> None:
    assert not is_watertight(np.empty((0, 3), int))
