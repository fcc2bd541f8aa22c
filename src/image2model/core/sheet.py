"""What a spreadsheet says of the objects of a job: names, true sizes, whatever else is known."""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from image2model.core.errors import InvalidSheet, JsonValue
from image2model.core.text.names import clean_name, name_of_file, name_of_upload
from image2model.core.values.plain_values import plain_value

SHEET_COLUMNS: Mapping[str, str] = {
    "picture": "the picture's file name, with or without extension and folders",
    "title": "what the object is called; names the files",
    "accession_number": "its number in a collection",
    "sku": "its number in a shop",
    "height_mm": "its true height; also height_cm and height_m",
    "width_mm": "its true width; also width_cm and width_m",
    "depth_mm": "its true depth; also depth_cm and depth_m",
    "face_limit": "the most triangles of its model",
    "generator": "what makes the models; the same in every row",
    "notes": "anything else",
}
"""The columns that mean something, and what; others are carried along as they are."""

MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 10_000, 100, 5_000

_ALIASES: Mapping[str, str] = {
    "file": "picture", "filename": "picture", "file_name": "picture", "image": "picture",
    "image_file": "picture", "image_name": "picture", "picture_file": "picture",
    "picture_name": "picture", "photo": "picture", "photo_file": "picture", "img": "picture",
    "name": "title", "object": "title", "object_name": "title", "object_title": "title",
    "accession": "accession_number", "accession_no": "accession_number",
    "accession_nr": "accession_number", "inventory_no": "accession_number",
    "inventory_number": "accession_number", "inv_no": "accession_number",
    "object_number": "accession_number", "article": "sku", "article_no": "sku",
    "article_number": "sku", "item_number": "sku", "product_code": "sku",
    "faces": "face_limit", "max_faces": "face_limit", "maximum_faces": "face_limit",
    "faces_limit": "face_limit", "polygons": "face_limit", "triangles": "face_limit",
    "max_polygons": "face_limit", "max_triangles": "face_limit", "model": "generator",
    "note": "notes", "comment": "notes", "comments": "notes", "remark": "notes",
    "remarks": "notes",
}  # fmt: skip
_MM_PER_UNIT = {"mm": 1, "cm": 10, "m": 1000}
_SIZE = re.compile(r"(height|width|depth)_(?:in_)?(mm|cm|m)")
_KNOWN_COLUMNS = (
    *SHEET_COLUMNS,
    *_ALIASES,
    *(f"{side}_{unit}" for side in ("height", "width", "depth") for unit in ("cm", "m")),
)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?|[+-]?[.,]\d+")
_COMMAS, _POINTS = re.compile(r"[1-9]\d{0,2},\d{3}"), re.compile(r"[1-9]\d{0,2}\.\d{3}")
"""Numbers that may have a decimal sign, or divide thousands."""

_GROUPED = re.compile(r"[1-9]\d{0,2}(?:[.,' \u00a0\u202f\u2019][0-9]{3})+")
_WHOLE = re.compile(r"[0-9]{1,9}")
_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#SPILL!", "#VALUE!"})
"""What spreadsheet programs show instead of a result."""

_LEAST_MM, _LARGEST_MM = 0.1, 100_000.0
_LEAST_FACES, _MOST_FACES = 100, 10_000_000
_MOST_FAULTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    A number of a cell that is shown in a format of its own: 123 as `0000123`.

    Attributes:
        value: What sizes and limits are read from.
        text: What numbers and names of objects are read from; None: the format is not understood.
        number_format: The format, as the spreadsheet program writes it.
    """

    value: float
    text: str | None
    number_format: str


Cell = str | int | float | bool | Shown | None
"""What a cell of a table holds; dates are text already."""


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """
    What a spreadsheet says of one object.

    Attributes:
        row: Its number in the sheet, the heading being 1.
        picture: The picture's file name, as written.
        name: What to call the item; "": after its picture.
        generator: As written; "": none.
        metadata: Everything said, by column: numbers of sizes and faces, text of the rest.
    """

    row: int
    picture: str
    name: str
    generator: str
    metadata: Mapping[str, JsonValue]

    @property
    def key(self) -> str:
        """The picture's name as pictures are compared at last."""
        return picture_key(self.picture)


class _Fault(NamedTuple):
    row: int
    column: str
    reason: str


def file_key(file_name: str) -> str:
    """Reduce a picture's file name to what is compared first: no folders, no case."""
    return name_of_upload(file_name).casefold()


def picture_key(file_name: str) -> str:
    """Reduce a picture's file name to what is compared: no folders, extension or case."""
    return name_of_file(file_name, fallback="").casefold()


def names_pictures(heading: Sequence[Cell]) -> bool:
    """Tell whether *heading* has the one column that a sheet must have."""
    return any(_column(_text(cell)) == "picture" for cell in heading)


def read_sheet(
    table: Sequence[Sequence[Cell]], *, decimal_comma: bool = False
) -> Sequence[SheetRow]:
    """
    Read a table whose first row names the columns; empty rows mean nothing.

    Args:
        table: The cells by row; rows may be shorter than the heading.
        decimal_comma: Whether a comma surely is a decimal point in it, and a point may divide
            thousands; else it is the other way round. What may mean either is refused.

    Returns:
        A row for each object, in order, each of another picture.

    Raises:
        InvalidSheet: Something in it is wrong; every such cell is named by row and column.
    """
    return _Reading(table, decimal_comma=decimal_comma).rows()


def refuse_sheet(faults: Sequence[tuple[int, str, str]]) -> None:
    """
    Refuse a sheet for *faults* (row, column, reason), if there are any.

    Raises:
        InvalidSheet: There are.
    """
    if faults:
        told = [{"row": row, "column": column, "reason": reason} for row, column, reason in faults]
        raise InvalidSheet(errors=told[:_MOST_FAULTS], count=len(told))


def sheet_fault(row: int, column: str, reason: str) -> InvalidSheet:
    """Make the error of a sheet of which one thing is wrong."""
    return InvalidSheet(errors=[{"row": row, "column": column, "reason": reason}], count=1)


class _Reading:
    """One sheet being read; faults are collected, so that all are told at once."""

    def __init__(self, table: Sequence[Sequence[Cell]], *, decimal_comma: bool) -> None:
        self._thousands = _POINTS if decimal_comma else _COMMAS
        self._faults: list[_Fault] = []
        heading, self._table = (table[0] if table else ()), table[1:]
        self._width = len(heading)
        self._columns = self._read_heading(heading)

    def rows(self) -> Sequence[SheetRow]:
        found = [] if self._faults else list(self._rows())
        if not found and not self._faults:
            self._blame(1, "", "the sheet has no rows with pictures")
        refuse_sheet(self._faults)
        return found

    def _blame(self, row: int, column: str, reason: str) -> None:
        self._faults.append(_Fault(row, column, reason))

    def _read_heading(self, heading: Sequence[Cell]) -> Mapping[int, str]:
        columns: dict[int, str] = {}
        for place, cell in enumerate(heading):
            text = _text(cell)
            name = _column(text)
            if not name:
                continue
            if _meaning(name) in map(_meaning, columns.values()):
                self._blame(1, text, "stands for a column that is there already")
            close = difflib.get_close_matches(name, _KNOWN_COLUMNS, cutoff=0.8)
            if name not in SHEET_COLUMNS and not _SIZE.fullmatch(name) and close:
                self._blame(1, text, f"is no column; did you mean '{close[0]}'?")
            columns[place] = name
        if "picture" not in columns.values():
            self._blame(1, "picture", "is missing: a column must name the pictures' files")
        if len(columns) > MOST_COLUMNS:
            self._blame(1, "", f"has more than {MOST_COLUMNS} columns")
        return columns

    def _rows(self) -> Iterator[SheetRow]:
        seen: dict[str, int] = {}
        generators: dict[str, int] = {}
        for number, cells in enumerate(self._table, start=2):
            said = {
                column: text
                for place, column in self._columns.items()
                if place < len(cells) and (text := self._said(number, column, cells[place]))
            }
            # As where `12,5` was written unquoted between commas: the 5 must not get lost.
            beyond = [text for cell in cells[self._width :] if (text := _text(cell))]
            if beyond:
                self._blame(number, "", f"has a cell without a heading: '{_short(beyond[0])}'")
            if not said:
                continue
            row = self._row(number, said)
            before = seen.setdefault(file_key(row.picture), number)
            if row.picture and before != number:
                self._blame(number, "picture", f"is the picture of row {before} already")
            if row.generator:
                generators.setdefault(row.generator, number)
                if len(generators) > 1:
                    first, place = next(iter(generators.items()))
                    reason = f"is not '{first}' as in row {place}; make one job for each generator"
                    self._blame(number, "generator", reason)
            yield row

    def _said(self, number: int, column: str, cell: Cell) -> str:
        if isinstance(cell, Shown):
            if column == "face_limit" or _SIZE.fullmatch(column):
                return _text(cell.value)
            if cell.text is None:
                reason = f"has the number format '{_short(cell.number_format)}', which is not read"
                self._blame(number, column, f"{reason}: give the cell the format 'Text'")
                return _text(cell.value)
            return _text(cell.text)
        text = _text(cell, filler="-" if column == "picture" else "")
        if "\ufffd" in text:
            self._blame(number, column, f"has a character that was lost: '{_short(text)}'")
        return text

    def _row(self, number: int, said: Mapping[str, str]) -> SheetRow:
        metadata: dict[str, JsonValue] = {}
        for column, text in said.items():
            if text in _ERRORS:
                self._blame(number, column, f"is an error of the spreadsheet: {text}")
            elif len(text) > MOST_CHARACTERS:
                self._blame(number, column, f"has more than {MOST_CHARACTERS} characters")
            elif size := _SIZE.fullmatch(column):
                side, unit = size.groups()
                metadata[f"{side}_mm"] = self._size_mm(number, column, text, unit)
            elif column == "face_limit":
                metadata[column] = self._faces(number, text)
            elif column != "generator":
                metadata[column] = text
        if "picture" not in said or not picture_key(said["picture"]):
            self._blame(number, "picture", "is empty: it must name the picture's file")
        title = str(metadata.get("title", ""))
        return SheetRow(
            row=number,
            picture=said.get("picture", ""),
            name=clean_name(title, fallback=""),
            generator=said.get("generator", ""),
            metadata=metadata,
        )

    def _size_mm(self, number: int, column: str, text: str, unit: str) -> float | None:
        value = _number(text)
        mm = None if value is None else round(value * _MM_PER_UNIT[unit], 6)
        if mm is None:
            self._blame(number, column, f"is no number: '{_short(text)}'")
        elif self._thousands.fullmatch(text):
            whole = re.sub(r"\D", "", text)
            reason = f"may be {value:g} or {whole}: write it without dividing thousands"
            self._blame(number, column, reason)
        elif not _LEAST_MM <= mm <= _LARGEST_MM:
            self._blame(number, column, f"is not between {_LEAST_MM:g} mm and 100 m: {mm:g} mm")
        return mm

    def _faces(self, number: int, text: str) -> int | None:
        digits = re.sub(r"\D", "", text) if _GROUPED.fullmatch(text) else text
        if not _WHOLE.fullmatch(digits) or not _LEAST_FACES <= int(digits) <= _MOST_FACES:
            span = f"between {_LEAST_FACES} and {_MOST_FACES}"
            reason = f"is no whole number {span}: '{_short(text)}'"
            self._blame(number, "face_limit", reason)
            return None
        return int(digits)


def _column(heading: str) -> str:
    """Name a column by its heading: `Height (mm)` and `HEIGHT_MM` are one."""
    plain = re.sub(r"[^\w]+", "_", heading.casefold()).strip("_")
    return _ALIASES.get(plain, plain)[:100]


def _meaning(column: str) -> str:
    """Tell what a column says: `height_mm` and `height_cm` say the same."""
    size = _SIZE.fullmatch(column)
    return size.group(1) if size else column


def _text(cell: Cell, *, filler: str = "") -> str:
    """
    Read a cell as text; whole numbers have no `.0`, whatever the program that wrote them.

    Args:
        cell: The cell.
        filler: What stands for invisible characters that join nothing, as in names of files.
    """
    if isinstance(cell, Shown):
        cell = cell.value if cell.text is None else cell.text
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() else f"{cell:.15g}"
    return "".join(_visible(c, filler) for c in str(cell)).strip()


def _visible(character: str, filler: str) -> str:
    # Emoji and some scripts are written with joiners; they are a part of the word.
    if character.isprintable() or character in "\n\t\u200c\u200d":
        return character
    category = unicodedata.category(character)
    return filler if category == "Cf" else "-" if filler and category[0] == "C" else " "


def _number(text: str) -> float | None:
    """Read `212.5` or `212,5`; None: it is no number, or several."""
    if not _NUMBER.fullmatch(text) or not text.isascii():
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
