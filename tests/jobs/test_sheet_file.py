"""Files of spreadsheets as programs write them, and as attackers do."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.core.errors import InvalidSheet
from image2model.jobs.sheet_file import SHEET_BYTES, read_sheet_file


def xlsx(*rows: Sequence[Any]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        "picture,title,height_mm\na.png,Krügé,12.5\n".encode(),
        "\ufeffpicture;title;height_mm\r\na.png;Krügé;12,5\r\n".encode(),
        "picture\ttitle\theight_mm\na.png\tKrügé\t12.5".encode("utf-16"),
        "picture;title;height_mm\na.png;Krügé;12,5".encode("cp1252"),
        b'sep=;\r\npicture;title;height_mm\r\n"a.png";"Kr\xc3\xbcg\xc3\xa9";"12,5"\r\n',
        xlsx(["picture", "title", "height_mm"], ["a.png", "Krügé", 12.5], [None, None, None]),
    ],
    ids=["csv", "excel-csv", "utf-16", "windows", "sep-line", "xlsx"],
)
def test_same_sheet_from_every_program(data: bytes) -> None:
    (row,) = read_sheet_file(data)
    assert row.metadata == {"picture": "a.png", "title": "Krügé", "height_mm": 12.5}


def test_dates_and_numbers_of_cells_become_text() -> None:
    (row,) = read_sheet_file(xlsx(["picture", "sku", "made"], ["a.png", 42.0, date(1987, 3, 1)]))
    assert (row.metadata["sku"], row.metadata["made"]) == ("42", "1987-03-01T00:00:00")


def test_quoted_cells_hold_lines_and_delimiters() -> None:
    (row,) = read_sheet_file(b'picture,notes\na.png,"one, two\nthree"\n')
    assert row.metadata["notes"] == "one, two\nthree"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "must name the pictures"),
        (b"\0\1\2\3", "no text"),
        (b"PK\x03\x04 and nothing more", "cannot be read as XLSX"),
        (zipped({"a.txt": b"no sheet"}), "cannot be read as XLSX"),
        (xlsx(["picture"], ["a.png"])[:-200], "cannot be read as XLSX"),
        (zipped({"xl/sharedStrings.xml": bytes(40_000_000)}), "unpacks to more than 30 MB"),
        (zipped({str(n): b"" for n in range(1001)}), "unpacks to more than"),
        (b"picture\n" + b"a.png\n" * 10_001, "more than 10000 rows"),
        (b"picture\na.png" + b",x" * 200, "more than 100 columns"),
        (b"x" * (SHEET_BYTES + 1), "larger than 5 MB"),
        (b'picture\n"' + b"x" * 200_000, "cannot be read"),
        (xlsx(["picture"], *[["a"]] * 10_001), "more than 10000 rows"),
    ],
)
def test_what_is_no_sheet_or_too_much_of_one(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidSheet, match=reason):
        read_sheet_file(data)


def outcome_of(data: bytes) -> tuple[int, int]:
    """Tell how many rows were read, and how many faults were found."""
    try:
        return len(read_sheet_file(data)), 0
    except InvalidSheet as error:
        return 0, len(error.details["errors"])


@given(data=st.binary(max_size=200) | st.binary(max_size=200).map(lambda b: b"PK\x03\x04" + b))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    rows, faults = outcome_of(data)
    assert bool(rows) is not bool(faults)


@given(cut=st.integers(0, 12_000), flip=st.integers(0, 6000))
def test_damaged_workbooks(cut: int, flip: int) -> None:
    data = bytearray(_WORKBOOK)
    data[flip % len(data)] ^= 0x41
    rows, faults = outcome_of(bytes(data[: max(4, cut)]))
    assert bool(rows) is not bool(faults)


_WORKBOOK = xlsx(["picture", "title"], ["a.png", "A"])
