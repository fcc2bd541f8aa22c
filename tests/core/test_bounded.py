"""What callers choose the keys of stays small."""

from image2model.core.values.bounded_dict import BoundedDict


def test_what_was_written_longest_ago_is_forgotten() -> None:
    found = BoundedDict[int, str](3)
    for key in (1, 2, 3):
        found[key] = str(key)
    found[1] = "again"
    found[4] = "4"
    assert found == {3: "3", 1: "again", 4: "4"}
