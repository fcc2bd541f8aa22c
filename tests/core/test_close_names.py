"""What was meant by a name that is not known."""

import pytest

from image2model.core.text.close_names import closest_name, did_you_mean

IDS = ["fal/tripo-v2.5", "fal/tripo-v3", "local/puff", "local/relief"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("LOCAL/PUFF", "local/puff"),
        ("puff", "local/puff"),
        ("releif", "local/relief"),
        ("fal/tripo", "fal/tripo-v2.5"),
        ("tripo-v3", "fal/tripo-v3"),
        ("", None),
        ("xy", None),
        ("completely different", None),
    ],
)
def test_closest_name(typed: str, meant: str | None) -> None:
    assert closest_name(typed, IDS) == meant


def test_nothing_is_asked_about_what_is_right() -> None:
    assert did_you_mean("local/puff", IDS) == ""
    assert did_you_mean("local/puf", IDS) == " Did you mean 'local/puff'?"
