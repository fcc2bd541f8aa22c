"""Loose bodies of an outline: specks at the rim of a cut-out are none."""

import numpy as np

from image2model.geometry.subject.separate_bodies import drop_specks


def test_specks_are_dropped_and_small_parts_stay() -> None:
    coverage = np.zeros((400, 400), np.uint8)
    coverage[50:350, 50:350] = 255
    coverage[50:350, 350] = 90  # The soft edge of the body.
    clean = coverage.copy()
    clean[10:20, 380:390] = 255  # 100 of 90,000 pixels: a part.
    speckled = clean.copy()
    speckled[300:304, 370] = 200  # Four pixels, and the soft edge around them.
    speckled[300:304, 371] = 40
    assert np.array_equal(drop_specks(speckled), clean)
    assert drop_specks(clean) is clean
