"""Texts of others, made harmless."""

import pytest

from image2model.core.errors import InvalidMesh, ProviderRejected
from image2model.core.text.clean import harmless_text, harmless_value, table_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Mug", "Mug"),
        ("Größe 😀 日本 עברית", "Größe 😀 日本 עברית"),
        ("a\u00a0b\u202fc\u3000d", "a\u00a0b\u202fc\u3000d"),
        # A family, and a Persian word: joiners between two characters.
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("\x1b]0;title\x07\x1b]8;;http://x\x1b\\", "�]0;title�]8;;http://x�\\"),
        ("\x9b2J\x9d0;t\x9c\x90q", "�2J�0;t�q"),
        ("a\x00\x01\x7f\x80\x85b", "a� b"),
        ("one\r\ntwo\u2028three\tfour", "one  two three four"),
        ("invoice\u202egpj.exe\u2066\u2069", "invoice�gpj.exe�"),
        ("a\ud800\udfffb", "a�b"),
        ("pay\u200bpal\ufeff\u00ad\u2060", "pay�pal�"),
        ("\u200dab\u200d\u200dc \u200c d\u200d", "ab\u200dc  d"),
        ("\U000e0041tag\U000e007f", "�tag�"),
        ("\ufffd\ufffd", "�"),
        ("", ""),
    ],
)
def test_what_steers_a_terminal_or_misleads_is_taken_out(text: str, shown: str) -> None:
    assert harmless_text(text) == shown
    assert harmless_text(shown) == shown


def test_lines_stay_where_they_may() -> None:
    assert harmless_text("one\r\ntwo\n\x1b[1Athree\rfour", lines=True) == "one\ntwo\n�[1Athree four"


def test_what_is_too_long_is_cut() -> None:
    assert harmless_text("abcdef", longest=4) == "abc…"
    assert harmless_text("abcd", longest=4) == "abcd"


def test_values_are_made_harmless_all_through() -> None:
    value = {"a\x1b": ["\ud800", 1, None, {"b": ("\u202e", 2.5, True)}]}
    assert harmless_value(value) == {"a�": ["�", 1, None, {"b": ["�", 2.5, True]}]}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠a", "'＠a"),
        ("  =1", "  '=1"),
        ("a;=1", "a;'=1"),
        ("a|=1", "a|'=1"),
        ("a\n=1", "a\n'=1"),
        ("a\r=1", "a =1"),
        ("\t=1", " '=1"),
        ("a\t=1", "a =1"),
        ("\x00=1", "�=1"),
        ("a=1, b-2", "a=1, b-2"),
        ("2026-11-30", "2026-11-30"),
    ],
)
def test_cells_are_no_formulas(text: str, cell: str) -> None:
    assert table_cell(text) == cell


def test_errors_quote_harmlessly() -> None:
    error = ProviderRejected(provider="fal", reason="no\x1b[2J\nforged \ud800", kind="\x9b1m")
    assert error.message == "fal refused this item: no�[2J forged �"
    assert error.details["kind"] == "�1m"
    long = InvalidMesh(reason="x" * 100_000)
    assert len(long.message) <= 4000
