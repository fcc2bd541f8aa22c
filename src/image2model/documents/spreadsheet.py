"""Read the file of a spreadsheet, CSV or XLSX, within limits of memory and time."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from image2model.core.errors import InvalidSheet
from image2model.core.sheet import (
    MOST_CHARACTERS,
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    SheetRow,
    Shown,
    names_pictures,
    read_sheet,
    refuse_sheet,
    sheet_fault,
)
from image2model.core.values.plain_values import plain_value
from image2model.documents.csv_text import decode_csv
from image2model.documents.number_format import shown_date, shown_number

SHEET_BYTES = 5_000_000
"""The largest file accepted."""

_UNPACKED_BYTES, _MOST_PARTS = 30_000_000, 1_000
_DELIMITERS = ",;\t"
_STRICT = b"http://purl.oclc.org/ooxml/"
_STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL_NAME = rb"http://schemas.openxmlformats.org/\1/2006/"


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFile:
    """
    A spreadsheet as it is understood.

    Attributes:
        rows: What it says of each object.
        title: Which sheet of the workbook was read; "": it is CSV.
        notes: What was left out, one plain sentence each.
    """

    rows: Sequence[SheetRow]
    title: str = ""
    notes: Sequence[str] = ()


def read_sheet_file(data: bytes) -> SheetFile:
    """
    Read a spreadsheet: of a workbook the first visible sheet that names pictures.

    Cells are read as they are shown, and formulas have the results that were saved last.

    Args:
        data: The whole file, CSV or XLSX: told from its bytes.

    Raises:
        InvalidSheet: It cannot be read, is too large, or something in it is wrong.
    """
    if len(data) > SHEET_BYTES:
        refuse_sheet([(1, "", f"the file is larger than {SHEET_BYTES / 1e6:g} MB")])
    if data[:4] == b"PK\x03\x04":
        return _read_workbook(data)
    text, delimiter = _undelimited(data)
    rows = _limited(_csv_rows(text, delimiter))
    # Excel divides cells by semicolons where the comma is the decimal sign, and only there.
    return SheetFile(rows=read_sheet(list(rows), decimal_comma=delimiter == ";"))


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
    text = decode_csv(data)
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


def _read_workbook(data: bytes) -> SheetFile:
    # Takes a third of a second to import, and most servers never see a sheet.
    import openpyxl  # noqa: PLC0415

    try:
        _check_parts(data)
        data = _transitional(data)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet, notes = _chosen(book)
        rows = read_sheet(list(_limited(_xlsx_rows(sheet, _formulas(data, sheet.title)))))
    except InvalidSheet:
        raise
    except Exception as error:
        # openpyxl lets whatever its parsers raise come through.
        told = f"the file cannot be read as XLSX: {str(error)[:200] or type(error).__name__}"
        raise sheet_fault(1, "", told) from error
    return SheetFile(rows=rows, title=sheet.title, notes=notes)


def _chosen(book: Any) -> tuple[Any, Sequence[str]]:
    """Choose the first visible sheet that names pictures; tell what else there was to choose."""
    fitting = [sheet for sheet in book.worksheets if names_pictures(_heading(sheet))]
    visible = [sheet for sheet in fitting if sheet.sheet_state == "visible"]
    if not visible:
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if fitting:
            told = f"only the hidden sheet '{fitting[0].title}' names pictures: make it visible"
            raise sheet_fault(1, "picture", told)
        if len(shown) > 1:
            titles = ", ".join(f"'{sheet.title}'" for sheet in shown[:10])
            told = f"is missing in all sheets ({titles}): a column must name the pictures' files"
            raise sheet_fault(1, "picture", told)
        return (shown or book.worksheets)[0], ()
    chosen, *others = visible
    notes = []
    if chosen is not book.worksheets[0] or others:
        notes.append(f"The sheet '{chosen.title}' was read.")
    notes += [f"The sheet '{other.title}' names pictures too and was not read." for other in others]
    notes += [
        f"The sheet '{sheet.title}' is hidden and was not read."
        for sheet in fitting
        if sheet.sheet_state != "visible"
    ]
    return chosen, tuple(notes)


def _heading(sheet: Any) -> Sequence[Cell]:
    # What the file says of its own size is often wrong, and never needed.
    sheet.reset_dimensions()
    first = next(sheet.iter_rows(max_row=1, max_col=MOST_COLUMNS + 1), ())
    return [_cell(one) for one in first]


def _xlsx_rows(sheet: Any, formulas: AbstractSet[tuple[int, int]]) -> Iterator[Sequence[Cell]]:
    rows = sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1)
    for number, row in enumerate(rows, start=1):
        cells = [_cell(one) for one in row]
        if unknown := [
            n for n, cell in enumerate(cells) if cell is None and (number, n) in formulas
        ]:
            refuse_sheet([_without_result(number, place) for place in unknown])
        yield cells


def _transitional(data: bytes) -> bytes:
    """
    Give a workbook the names of ISO/IEC 29500 Transitional, the only ones that openpyxl reads.

    "Strict Open XML" of Excel is the same but for the addresses that name its parts.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        if _STRICT not in parts.read("xl/workbook.xml"):
            return data
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as written:
            for part in parts.infolist():
                content = parts.read(part)
                if part.filename.endswith((".xml", ".rels")):
                    content = _STRICT_NAME.sub(
                        rb"http://schemas.openxmlformats.org/\1/2006/", content
                    )
                written.writestr(part.filename, content)
    return out.getvalue()


def _formulas(data: bytes, title: str) -> AbstractSet[tuple[int, int]]:
    """Tell where there are formulas: row from 1, column from 0."""
    import openpyxl  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheets = [name for name in parts.namelist() if name.startswith("xl/worksheets/")]
        if not any(b"<f" in parts.read(name) for name in sheets):
            return frozenset()
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    sheet = book[title]
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


def _cell(cell: Any) -> Cell:
    value = cell.value
    if isinstance(value, date | time | timedelta):
        return shown_date(value, cell.number_format)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        number_format = str(cell.number_format or "General")
        if number_format == "General":
            return value
        return Shown(
            value=value, text=shown_number(value, number_format), number_format=number_format
        )
    return str(value)[: MOST_CHARACTERS + 1]
