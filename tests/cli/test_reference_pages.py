"""The reference pages say what the program does today."""

from pathlib import Path

import pytest

from image2model.settings import variables
from tests.cli.reference_pages import pages


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_page_is_up_to_date(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    assert written == pages()[path], "write it anew: python -m tests.cli.reference_pages"


def test_every_setting_says_why() -> None:
    for name, field in variables().items():
        assert field.description, name
        assert len(field.description.split()) >= 3, name
