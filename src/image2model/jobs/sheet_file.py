"""Read the file of a spreadsheet, CSV or XLSX, within limits of memory and time."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from typing import Any

from image2model.core.errors import InvalidSheet
from image2model.core.sheet import (
    MOST_CHARACTERS,
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    SheetRow,
    read_sheet,
    refuse_sheet,
)

SHEET_BYTES = 5_000_000
"""The largest file accepted."""

_UNPACKED_BYTES, _MOST_PARTS = 30_000_000, 1_000
_DELIMITERS = ",;\t"


def read_sheet_file(data: bytes) -> Sequence[SheetRow]:
    """
    Read a spreadsheet; of an XLSX file the first sheet, with its formulas' last results.

    Args:
        data: The whole file, CSV or XLSX: told from its bytes.

    Returns:
        A row for each object.

    Raises:
        InvalidSheet: It cannot be read, is too large, or something in it is wrong.
    """
    if len(data) > SHEET_BYTES:
        refuse_sheet([(1, "", f"the file is larger than {SHEET_BYTES / 1e6:g} MB")])
    if data[:4] == b"PK\x03\x04":
        return read_sheet(list(_limited(_xlsx_rows(data))))
    text, delimiter = _undelimited(data)
    rows = _limited(_csv_rows(text, delimiter))
    # Excel divides cells by semicolons where the comma is the decimal sign, and only there.
    return read_sheet(list(rows), decimal_comma=delimiter == ";")


def _limited(rows: Iterator[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    """Stop a sheet that is larger than any job; empty rows at the end count for nothing."""
    for number, row in enumerate(rows, start=1):
        used = any(cell not in {None, ""} for cell in row)
        if number > MOST_ROWS:
            if used:
                refuse_sheet([(number, "", f"the sheet has more than {MOST_ROWS} rows")])
            return
        if any(cell not in {None, ""} for cell in row[MOST_COLUMNS:]):
            refuse_sheet([(number, "", f"the row has more than {MOST_COLUMNS} columns")])
        yield row[:MOST_COLUMNS]


def _undelimited(data: bytes) -> tuple[str, str]:
    """Return the text of a CSV file and what divides its cells."""
    text = _decode(data)
    if "\0" in text:
        refuse_sheet([(1, "", "the file is no text: send CSV or XLSX")])
    text = text.lstrip("\ufeff")
    first = re.split(r"\r\n|\r|\n", text, maxsplit=1)[0]
    if first.startswith("sep=") and len(first) == 5:
        # A line of Excel's own that names the delimiter.
        return text[len(first) :].lstrip("\r\n"), first[-1]
    heading = re.sub(r'"[^"]*"', "", first)
    return text, max(_DELIMITERS, key=heading.count)


def _csv_rows(text: str, delimiter: str) -> Iterator[Sequence[Cell]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as error:
        refuse_sheet([(reader.line_num, "", f"the line cannot be read: {error}")])


def _decode(data: bytes) -> str:
    """Decode what spreadsheet programs write: UTF-8, UTF-16 with its mark, Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _xlsx_rows(data: bytes) -> Iterator[Sequence[Cell]]:
    # Takes a third of a second to import, and most servers never see a sheet.
    import openpyxl  # noqa: PLC0415

    try:
        _check_parts(data)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        # What the file says of its own size is often wrong, and never needed.
        sheet.reset_dimensions()
        formulas = _formulas(data)
        rows = sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1)
        for number, row in enumerate(rows, start=1):
            cells = [_cell(one.value) for one in row]
            if unknown := [
                n for n, cell in enumerate(cells) if cell is None and (number, n) in formulas
            ]:
                refuse_sheet([_without_result(number, place) for place in unknown])
            yield cells
    except InvalidSheet:
        raise
    except Exception as error:  # noqa: BLE001
        # openpyxl lets whatever its parsers raise come through.
        told = f"the file cannot be read as XLSX: {str(error)[:200] or type(error).__name__}"
        refuse_sheet([(1, "", told)])


def _formulas(data: bytes) -> AbstractSet[tuple[int, int]]:
    """Tell where there are formulas: row from 1, column from 0."""
    import openpyxl  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheets = [name for name in parts.namelist() if name.startswith("xl/worksheets/")]
        if not any(b"<f" in parts.read(name) for name in sheets):
            return frozenset()
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1)
    return {
        (number, place)
        for number, row in enumerate(rows, start=1)
        for place, one in enumerate(row)
        if one.data_type == "f"
    }


def _without_result(row: int, place: int) -> tuple[int, str, str]:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    told = "is a formula without a result: open the file in a spreadsheet program and save it"
    return row, get_column_letter(place + 1), told


def _check_parts(data: bytes) -> None:
    """Refuse a file that unpacks to more than a sheet of this size could need."""
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sizes = [part.file_size for part in parts.infolist()]
    if len(sizes) > _MOST_PARTS or sum(sizes) > _UNPACKED_BYTES:
        refuse_sheet([(1, "", f"the file unpacks to more than {_UNPACKED_BYTES / 1e6:g} MB")])


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value[: MOST_CHARACTERS + 1] if isinstance(value, str) else value
    return str(value)
