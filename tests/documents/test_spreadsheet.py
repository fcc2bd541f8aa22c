"""Files of spreadsheets as programs write them, and as attackers do."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.core.errors import InvalidSheet
from image2model.core.sheet import file_key, picture_key
from image2model.documents.spreadsheet import SHEET_BYTES, read_sheet_file


def xlsx(*rows: Sequence[Any]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
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
    (row,) = read_sheet_file(data).rows
    assert row.metadata == {"picture": "a.png", "title": "Krügé", "height_mm": 12.5}


def test_dates_and_numbers_of_cells_become_text() -> None:
    (row,) = read_sheet_file(
        xlsx(["picture", "sku", "made"], ["a.png", 42.0, date(1987, 3, 1)])
    ).rows
    assert (row.metadata["sku"], row.metadata["made"]) == ("42", "1987-03-01")


def test_numbers_and_dates_are_read_as_they_are_shown() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["picture", "sku", "accession number", "made", "ean", "height_mm", "faces"])
    made = datetime(2024, 3, 1)  # noqa: DTZ001  workbooks know no time zones
    sheet.append([7.5, 123, 1987.1, made, 4006381333931, 212.5, 20_000])
    shown = ["0.00", "0000000", "0.00", "dd.mm.yyyy", "0.00E+00", '0.0" mm"', "#,##0"]
    for cell, number_format in zip(sheet[2], shown, strict=True):
        cell.number_format = number_format
    (row,) = read_sheet_file(saved(book)).rows
    assert row.metadata == {
        "picture": "7.50",
        "sku": "0000123",
        "accession_number": "1987.10",
        "made": "01.03.2024",
        "ean": "4006381333931",
        "height_mm": 212.5,
        "face_limit": 20_000,
    }


def test_a_number_format_that_is_not_read_is_refused_where_it_matters() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["picture", "sku", "height_mm"])
    sheet.append(["a.png", 0.25, 0.25])
    for cell in sheet[2][1:]:
        cell.number_format = "# ?/?"
    with pytest.raises(InvalidSheet) as caught:
        read_sheet_file(saved(book))
    (fault,) = caught.value.details["errors"]
    assert (fault["row"], fault["column"]) == (2, "sku")
    assert "the number format '# ?/?'" in fault["reason"]


def workbook(*sheets: tuple[str, str, Sequence[Sequence[Any]]]) -> bytes:
    """Make a workbook of sheets with a title, a state and rows each."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for title, state, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(list(row))
    return saved(book)


WANTED = (["picture", "title"], ["a.png", "Right"])
OTHER = (["picture", "title"], ["a.png", "Wrong"])


@pytest.mark.parametrize(
    ("sheets", "notes"),
    [
        (
            [("lists", "hidden", OTHER), ("Objects", "visible", WANTED)],
            ["The sheet 'Objects' was read.", "The sheet 'lists' is hidden and was not read."],
        ),
        (
            [("lists", "veryHidden", OTHER), ("Objects", "visible", WANTED)],
            ["The sheet 'Objects' was read.", "The sheet 'lists' is hidden and was not read."],
        ),
        (
            [("Summary", "visible", [["Total", 1]]), ("Objects", "visible", WANTED)],
            ["The sheet 'Objects' was read."],
        ),
        (
            [("Objects", "visible", WANTED), ("Old", "visible", OTHER)],
            [
                "The sheet 'Objects' was read.",
                "The sheet 'Old' names pictures too and was not read.",
            ],
        ),
        ([("Objects", "visible", WANTED), ("Notes", "visible", [["x"]])], []),
    ],
)
def test_the_first_visible_sheet_that_names_pictures_is_read(
    sheets: Sequence[tuple[str, str, Sequence[Sequence[Any]]]], notes: Sequence[str]
) -> None:
    read = read_sheet_file(workbook(*sheets))
    assert [row.name for row in read.rows] == ["Right"]
    assert (read.title, list(read.notes)) == ("Objects", notes)


def test_formulas_are_looked_for_in_the_sheet_that_is_read() -> None:
    data = workbook(
        ("Summary", "visible", [["Total"], ["=1+1"]]),
        ("Objects", "visible", (["picture", "title"], ["a.png", "=A2"])),
    )
    with pytest.raises(InvalidSheet, match="formula without a result"):
        read_sheet_file(data)


@pytest.mark.parametrize(
    ("sheets", "reason"),
    [
        (
            [("lists", "hidden", WANTED), ("Objects", "visible", [["x"]])],
            "only the hidden sheet 'lists' names pictures: make it visible",
        ),
        (
            [("A", "visible", [["x"]]), ("B", "visible", [["y"]])],
            r"is missing in all sheets \('A', 'B'\)",
        ),
    ],
)
def test_no_visible_sheet_names_pictures(
    sheets: Sequence[tuple[str, str, Sequence[Sequence[Any]]]], reason: str
) -> None:
    with pytest.raises(InvalidSheet, match=reason):
        read_sheet_file(workbook(*sheets))


def test_strict_workbooks_are_read() -> None:
    """Excel's "Strict Open XML" names its parts by other addresses."""
    data = workbook(("lists", "hidden", OTHER), ("Objects", "visible", WANTED))
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        strict = {
            name: re.sub(
                rb"http://schemas.openxmlformats.org/(officeDocument|spreadsheetml|drawingml)/2006/",
                rb"http://purl.oclc.org/ooxml/\1/",
                parts.read(name),
            )
            for name in parts.namelist()
        }
    assert b"purl.oclc.org" in strict["xl/workbook.xml"]
    read = read_sheet_file(zipped(strict))
    assert [row.name for row in read.rows] == ["Right"]


@pytest.mark.parametrize(
    ("encoding", "line_end", "words"),
    [
        ("mac_roman", "\r", "Gänsekrug Öl Fuß Größe crème œuvre España Ærø “Zitat” 5 €"),
        ("cp1252", "\r\n", "Gänsekrug Köln–Bonn 21 cm³ 20cm×30cm LEGO® 5 € Müller’s"),
        ("cp1252", "\r\n", "crème brûlée œuvre d’été là où ça 90° ½"),
        ("cp1252", "\n", "São ções irmã Blåbær hyvää Þórður ¿Qué? señor più perché"),
        ("cp1252", "\r", "Gänsekrug crème"),
        ("utf-8", "\r", "Gänsekrug Łódź 花瓶 Кувшин"),
        ("utf-16", "\r\n", "Gänsekrug Łódź 花瓶"),
        ("utf-16-le", "\r\n", "Gänsekrug Łódź"),
        ("cp1250", "\r\n", "Gänsekrug"),
    ],
)
def test_words_of_every_encoding_that_can_be_told(encoding: str, line_end: str, words: str) -> None:
    data = f"picture;title;notes{line_end}mug.png;Mug;{words}{line_end}".encode(encoding)
    (row,) = read_sheet_file(data).rows
    assert row.metadata["notes"] == words


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("mac_roman", "Gänsekrug"),
        ("mac_roman", "Öl"),
        ("mac_roman", "España"),
        ("cp1250", "łyżka"),
        ("cp1250", "żółty"),
        ("cp1250", "řezbář"),
        ("cp1250", "hűtő"),
        ("cp1251", "Кувшин"),
        ("cp1251", "дом"),
        ("cp1253", "κανάτα"),
        ("shift_jis", "花瓶"),
        ("shift_jis", "カップ"),
        ("gbk", "花瓶"),
        ("gbk", "马"),
        ("big5", "椅子"),
        ("euc_kr", "주전자"),
        ("cp850", "Gänsekrug"),
        ("cp437", "Größe"),
    ],
)
def test_garbled_words_are_named_and_never_taken(encoding: str, word: str) -> None:
    data = f"picture;title\r\na.png;A\r\nmug.png;{word}\r\n".encode(encoding)
    with pytest.raises(InvalidSheet) as caught:
        read_sheet_file(data)
    (fault,) = caught.value.details["errors"]
    assert fault["row"] == 3
    assert "looks garbled: save the sheet as CSV UTF-8 or XLSX" in fault["reason"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("GÃ¤nsekrug", r"looks garbled \(it may be 'Gänsekrug'\)"),
        ("G\ufffdnsekrug", "looks garbled"),
    ],
)
def test_words_that_were_garbled_before(word: str, reason: str) -> None:
    with pytest.raises(InvalidSheet, match=reason):
        read_sheet_file(f"picture,title\nmug.png,{word}\n".encode())


@pytest.mark.parametrize("letter", ["x", "ö"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_long_words_are_read_in_linear_time(letter: str, encoding: str) -> None:
    """The test ends by itself: reading each word from each of its letters takes hours."""
    rows = "".join(f"{n}.png,{letter * 5_000}\n" for n in range(200))
    assert len(read_sheet_file(f"picture,notes\n{rows}".encode(encoding)).rows) == 200


@pytest.mark.parametrize(
    "name",
    [
        "Gänsekrug.png",
        "\U0001f469\u200d\U0001f3a8.png",
        "한글.png",
        "a\u200bb.png",
        "x\u00a0y.png",
    ],
)
def test_names_of_pictures_match_however_they_are_composed(name: str) -> None:
    """MacOS sends names decomposed; emoji hold joiners, and some names invisible characters."""
    (row,) = read_sheet_file(f"picture,title\n{name},A\n".encode()).rows
    for form in ("NFC", "NFD"):
        assert row.key == picture_key(unicodedata.normalize(form, name))
        assert file_key(row.picture) == file_key(unicodedata.normalize(form, name))


def test_quoted_cells_hold_lines_and_delimiters() -> None:
    (row,) = read_sheet_file(b'picture,notes\na.png,"one, two\nthree"\n').rows
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
        return len(read_sheet_file(data).rows), 0
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
