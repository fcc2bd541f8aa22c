"""Names that are safe on every file system and page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.core.text.names import MAX_NAME_CHARACTERS, clean_name, name_of_file, unique_name


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("mug.png", "mug"),
        ("../../etc/passwd.png", "passwd"),
        ("C:\\Users\\a\\cat.final.jpg", "cat.final"),
        ('a"b<c>d.png', "a-b-c-d"),
        ("🦊 fox.webp", "🦊 fox"),
        ("line\nbreak\x00.png", "line-break"),
        ("  . .png", "item"),
        ("..", "item"),
        ("", "item"),
        ("con.png", "con_"),
        ("LPT1.jpg", "LPT1_"),
        ("Scan 3.12 final", "Scan 3.12 final"),
        ("e\u0301.png", "é"),
        ("evil\u202egnp.png", "evil-gnp"),
    ],
)
def test_a_file_gives_its_item_a_name(file_name: str, name: str) -> None:
    assert name_of_file(file_name, fallback="item") == name


def test_a_long_name_is_cut() -> None:
    assert len(name_of_file("x" * 300 + ".png", fallback="item")) == MAX_NAME_CHARACTERS
    assert len(name_of_file("ü🦊" * 150 + ".png", fallback="item").encode()) <= 200


@given(st.text(max_size=400))
def test_every_clean_name_can_name_a_file(text: str) -> None:
    """Whatever comes in, the name is short, visible, without separators, and stays as it is."""
    name = clean_name(text, fallback="item")
    assert name
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name == name.strip(" .")
    assert len((name + ".preview.webp").encode()) <= 255
    assert clean_name(name, fallback="other") == name


def test_a_taken_name_gets_a_number() -> None:
    assert unique_name("Mug", {"mug", "mug-2"}) == "Mug-3"
    assert unique_name("vase", {"mug"}) == "vase"
