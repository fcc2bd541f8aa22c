"""The map of the source in docs/architecture.md is complete and leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "image2model"
PAGE = (ROOT / "docs" / "architecture.md").read_text()

TABLES = {
    "": "| Folder in `src/image2model/` |",
    "jobs": "| Room of `jobs/` |",
    "geometry": "| Room of `geometry/` |",
    "api": "| Room of `api/` |",
    "cli": "| Room of `cli/` |",
}
"""The folders all of whose sub-packages are described, each with the head of its table."""


def test_every_path_of_the_walks_exists() -> None:
    walks = PAGE[PAGE.index("## Three walks") : PAGE.index("## How a job flows")]
    paths = re.findall(r"`([a-z0-9_/]+\.py)`", walks)
    assert len(paths) > 20
    assert [path for path in paths if not (PACKAGE / path).is_file()] == []


@pytest.mark.parametrize("folder", TABLES)
def test_the_map_names_the_rooms_of_a_folder_and_no_others(folder: str) -> None:
    table = PAGE[PAGE.index(TABLES[folder]) :].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)/`", row)}
    assert named == {path.parent.name for path in (PACKAGE / folder).glob("*/__init__.py")}
