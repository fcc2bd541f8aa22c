"""A little of what `make fuzz` does for hours: every parser refuses spoilt files in words."""

import random
import time

import pytest

from tests.hostile import spoiling
from tests.hostile.targets import TARGETS, refused

FILES = 40
SLOW = {"examine": 3, "convert": 5, "xlsx": 15, "3mf": 15, "obj.zip": 15}
"""How many files where each takes long."""


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_files_are_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    whole = target.seeds()
    for one in whole:
        assert refused(target, one) is None, "not even whole files are read"
    dice = random.Random(name)
    for number in range(SLOW.get(name, FILES)):
        data = target.spoil(dice, whole)
        began_s = time.process_time()
        error = refused(target, data)
        assert time.process_time() - began_s < 20, number
        assert error is None or error.code


def test_spoiling_changes_no_value_that_is_used_again() -> None:
    """Or values would hold themselves, and files grow without end."""
    before, dice = repr(spoiling.VALUES), random.Random(1)
    whole = TARGETS["maker-answer"].seeds()
    for _ in range(3_000):
        spoiling.json_text(dice, whole)
    assert repr(spoiling.VALUES) == before
