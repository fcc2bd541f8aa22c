"""Spreadsheets are read generously, and refused precisely: by row and column, all at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.core.errors import InvalidSheet
from image2model.core.sheet import SHEET_COLUMNS, file_key, picture_key, read_sheet


def faults_of(*table: list[Any]) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidSheet) as caught:
        read_sheet(table)
    return [(e["row"], e["column"], e["reason"]) for e in caught.value.details["errors"]]


def test_columns_mean_what_they_say() -> None:
    (row,) = read_sheet(
        [
            ["Picture", "Title", "Accession No.", "Height (mm)", "face limit", "Notes", "Artist"],
            ["a/b/Jug 1.JPG", "Gänsekrug", 1987.0, 212.5, "5000", "chipped", "unknown"],
        ]
    )
    assert (row.row, row.name) == (2, "Gänsekrug")
    assert row.metadata == {
        "picture": "a/b/Jug 1.JPG",
        "title": "Gänsekrug",
        "accession_number": "1987",
        "height_mm": 212.5,
        "face_limit": 5000,
        "notes": "chipped",
        "artist": "unknown",
    }


@pytest.mark.parametrize(
    ("heading", "cell", "mm"),
    [
        ("height_mm", "212,5", 212.5),
        ("height_cm", 21.25, 212.5),
        ("Height in m", "", None),
        ("Height in m", "2", 2000.0),
        ("height_m", ".5", 500.0),
        ("HEIGHT (CM)", "7", 70.0),
    ],
)
def test_sizes_in_other_units(heading: str, cell: Any, mm: float | None) -> None:
    (row,) = read_sheet([["file", heading], ["a.png", cell]])
    assert row.metadata.get("height_mm") == mm


def test_every_fault_is_named_by_row_and_column() -> None:
    faults = faults_of(
        ["picture", "height_mm", "face_limit", "generator"],
        ["a.png", "tall", 5000, "local/puff"],
        [],
        ["A.PNG", -3, 12.5, "local/relief"],
        ["", 1e9, 1, ""],
        ["b.png", "1.000,5", "x" * 6000, None],
    )
    assert [(row, column) for row, column, _ in faults] == [
        (2, "height_mm"),
        (4, "height_mm"),
        (4, "face_limit"),
        (4, "picture"),
        (4, "generator"),
        (5, "height_mm"),
        (5, "face_limit"),
        (5, "picture"),
        (6, "height_mm"),
        (6, "face_limit"),
    ]
    assert "'tall'" in faults[0][2]
    assert "row 2" in faults[3][2]
    assert "one job for each" in faults[4][2]


@pytest.mark.parametrize(
    ("cell", "decimal_comma", "mm"),
    [
        ("1.234", False, 1.234),
        ("1,234", True, 1.234),
        ("0,125", False, 0.125),
        ("12,5", False, 12.5),
    ],
)
def test_decimal_signs(cell: str, mm: float, *, decimal_comma: bool) -> None:
    (row,) = read_sheet([["file", "height_mm"], ["a.png", cell]], decimal_comma=decimal_comma)
    assert row.metadata["height_mm"] == mm


@pytest.mark.parametrize(("cell", "decimal_comma"), [("1,234", False), ("1.234", True)])
def test_numbers_that_may_be_either_are_refused(cell: str, *, decimal_comma: bool) -> None:
    with pytest.raises(InvalidSheet, match=r"may be 1\.234 or 1234"):
        read_sheet([["file", "height_mm"], ["a.png", cell]], decimal_comma=decimal_comma)


@pytest.mark.parametrize("cell", ["20000", "20,000", "20.000", "20 000", "20'000", 20_000, 2e4])
def test_thousands_of_faces(cell: Any) -> None:
    (row,) = read_sheet([["file", "max faces"], ["a.png", cell]])
    assert row.metadata["face_limit"] == 20_000


def test_errors_of_the_spreadsheet_are_no_titles() -> None:
    assert faults_of(["file", "title"], ["a.png", "#REF!"])[0][:2] == (2, "title")


@pytest.mark.parametrize(
    ("heading", "reason"),
    [
        (["title"], "a column must name the pictures"),
        (["picture", "heigth_mm"], "did you mean 'height_mm'"),
        (["picture", "heigth_cm"], "did you mean 'height_cm'"),
        (["picture", "file"], "there already"),
        (["picture", "Notes", "notes"], "there already"),
        (["picture", "height_mm", "Height (cm)"], "there already"),
        ([], "a column must name the pictures"),
    ],
)
def test_headings_that_cannot_be_used(heading: list[str], reason: str) -> None:
    assert any(reason in said for row, _, said in faults_of(heading, ["a.png", "1", "2"]))


def test_what_has_no_heading_is_not_lost() -> None:
    """A decimal comma that nobody quoted is a cell more."""
    faults = faults_of(["picture", "height_mm"], ["a.png", "12", "5"], ["b.png", "3", ""])
    assert faults == [(2, "", "has a cell without a heading: '5'")]


def test_sheet_without_rows() -> None:
    assert "no rows" in faults_of(["picture"], [], [""])[0][2]


def test_message_tells_the_first_faults_and_counts_the_rest() -> None:
    table = [["picture", "height_mm"], *([f"{n}.png", "x"] for n in range(200))]
    with pytest.raises(InvalidSheet, match=r"row 2, height_mm: .*; and 197 more") as caught:
        read_sheet(table)
    assert len(caught.value.details["errors"]) == 50
    assert caught.value.details["count"] == 200


@pytest.mark.parametrize(
    ("file", "key"), [("C:\\x\\A b.PNG", "a b"), ("dir/a.b.webp", "a.b"), ("1987.12", "1987")]
)
def test_pictures_are_compared_by_name(file: str, key: str) -> None:
    assert picture_key(file) == key


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)


@given(
    heading=st.lists(st.sampled_from([*SHEET_COLUMNS, "", "Höhe"]) | cells, max_size=6),
    rows=st.lists(st.lists(cells, max_size=6), max_size=6),
)
def test_whatever_comes_is_read_or_refused(heading: list[Any], rows: list[list[Any]]) -> None:
    found, refused = [], 0
    try:
        found = list(read_sheet([heading, *rows]))
    except InvalidSheet as error:
        refused = len(error.details["errors"])
    assert bool(found) is not bool(refused)
    assert len({file_key(row.picture) for row in found}) == len(found)
