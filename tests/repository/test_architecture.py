"""The map of the source in docs/architecture.md is complete and leads somewhere."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "image2model"
PAGE = (ROOT / "docs" / "architecture.md").read_text()

MAPPED = ("", "jobs", "geometry", "api", "cli")
"""The folders all of whose sub-packages are described."""


def test_every_path_of_the_walks_exists() -> None:
    walks = PAGE[PAGE.index("## Three walks") : PAGE.index("## How a job flows")]
    paths = re.findall(r"`([a-z0-9_/]+\.py)`", walks)
    assert len(paths) > 20
    assert [path for path in paths if not (PACKAGE / path).is_file()] == []


def test_every_room_is_on_the_map() -> None:
    rooms = set(re.findall(r"`([a-z0-9_]+)/`", PAGE))
    missing = [
        path.parent.relative_to(PACKAGE)
        for folder in MAPPED
        for path in (PACKAGE / folder).glob("*/__init__.py")
        if path.parent.name not in rooms
    ]
    assert missing == []
