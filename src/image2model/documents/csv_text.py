"""Decode the text of a CSV file, which does not say how it was encoded."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from image2model.core.errors import InvalidSheet
from image2model.core.sheet import sheet_fault

_ALPHABETS = tuple(
    frozenset(letters + letters.upper())
    for letters in (
        "äöüßé",  # German
        "àâæçéèêëîïôœùûüÿ",  # French
        "àèéìòùî",  # Italian
        "áéíóúüñ",  # Spanish
        "áâãàçéêíóôõúü",  # Portuguese
        "àçèéíïòóúü",  # Catalan
        "æøåéäöü",  # Danish, Norwegian
        "åäöéü",  # Swedish, Finnish
        "éëïóöüèêá",  # Dutch
        "áéíóúýþæöð",  # Icelandic
    )
)
"""What languages write beside a-z; a word of letters that no language has together is doubtful."""

_PAIRS = frozenset((
    "éé", "öß", "äß", "üß", "ää", "öö", "üü", "äö", "öü", "çã", "çõ", "çà", "çâ", "ñí", "ñó", "ñá",
    "ñé", "ñú", "øå", "åø",
))  # fmt: skip
"""Neighbours beside a-z within one word. Others are mostly words of another alphabet."""

_MISPLACED = re.compile(r"ì(?!$)|œ(?![uitdncse])", re.IGNORECASE)
"""`ì` ends a word in Italian and stands anywhere in misread Czech; `œ` is `ś` or `ú` misread."""

_OPENING = frozenset("“„‚‘«‹»›(¡¿°–—")
"""Marks that may stand just before a letter."""

_INNER = frozenset("’·")
"""Marks that may stand within a word."""

_CLOSING = frozenset("”“’‘»›«‹…®™²³×")
"""Marks that may stand just after a letter."""

_NEVER = frozenset("¤¦¨¬¯´¸ˆ˜ƒ¢")
"""Marks that nobody writes in names and notes; they come of letters misread."""

_TWICE = re.compile(r"[ÃÂâÄÅ][\x80-\u2122]")
_EXPONENT = re.compile(r"(?:[mckdµ]?m)[²³]$")


def decode_csv(data: bytes) -> str:
    """
    Decode UTF-8, UTF-16, Windows-1252 and, where lines end as on old Macs, Mac Roman.

    Without a mark nothing in a file tells Windows-1252 from the encodings of other countries. So
    it is taken for that only if every word looks like one.

    Raises:
        InvalidSheet: A word looks garbled; it is named.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _checked(data.decode("utf-16", errors="replace"))
    if len(data) > 1 and (data[0] == 0) is not (data[1] == 0):
        wide = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        text = data.decode(wide, errors="replace")
        if text[:1].isprintable() and "\0" not in text:
            return _checked(text)
    try:
        return _checked(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        pass
    ends_like_mac = b"\r" in data and b"\n" not in data
    for encoding in ("mac_roman", "cp1252") if ends_like_mac else ("cp1252",):
        text = data.decode(encoding, errors="replace")
        if next(_doubtful(text), None) is None:
            return text
    text = data.decode("cp1252", errors="replace")
    raise _garbled(text, next(_doubtful(text)))


def _checked(text: str) -> str:
    """Refuse *text* that was broken before it was encoded: decoded wrongly, or cut."""
    if not text.isascii():
        for word in _words(text):
            if "\ufffd" in word[0]:
                raise _garbled(text, word)
            if _TWICE.search(word[0]) and (meant := _decoded_again(word[0])):
                raise _garbled(text, word, meant)
    return text


def _decoded_again(word: str) -> str:
    """Undo what makes `Ã¤` of `ä`: UTF-8 taken for Windows-1252; "": it was not."""
    try:
        return word.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return ""


def _garbled(text: str, word: re.Match[str], meant: str = "") -> InvalidSheet:
    row = 1 + len(re.findall(r"\r\n|\r|\n", text[: word.start()]))
    hint = f" (it may be '{meant[:40]}')" if meant else ""
    reason = f"'{word[0][:40]}' looks garbled{hint}: save the sheet as CSV UTF-8 or XLSX"
    return sheet_fault(row, "", reason)


def _words(text: str) -> Iterator[re.Match[str]]:
    """Find the words that are not of ASCII alone."""
    return (word for word in re.finditer(r'[^\s,;"]+', text) if not word[0].isascii())


def _doubtful(text: str) -> Iterator[re.Match[str]]:
    """Find the words of *text* that hardly anybody wrote so."""
    for word in _words(text):
        rest_of_line = text[word.start() : word.start() + 1000].partition("\n")[0]
        if (
            not all(map(_is_likely, re.split(r"[-/()'+&.:_|]+", word[0])))
            or ("¿" in word[0] and "?" not in rest_of_line)
            or ("¡" in word[0] and "!" not in rest_of_line)
        ):
            yield word


def _is_likely(word: str) -> bool:
    if any(c in _NEVER or unicodedata.category(c) in {"Cc", "Cn", "Co"} for c in word):
        return False
    word = unicodedata.normalize("NFC", word)
    for before, mark, after in zip(f" {word}", word, f"{word[1:]} ", strict=False):
        if ord(mark) >= 0x80 and not mark.isalpha() and not _fits(before, mark, after, word):
            return False
    return all(map(_is_of_a_language, re.findall(r"[^\W\d_]+", word)))


def _fits(before: str, mark: str, after: str, word: str) -> bool:
    """Tell whether *mark* may stand between *before* and *after*."""
    if mark in _INNER:
        return True
    if after.isalpha() and mark not in _OPENING:
        return False
    if before.isalpha():
        if mark in "²³":
            return _EXPONENT.search(word) is not None
        if mark == "°":
            return False
        # A dash between names: Köln–Bonn. In `Espa–a` it is a letter misread.
        return mark in _CLOSING or (mark in "–—" and not after.islower())
    return True


def _is_of_a_language(word: str) -> bool:
    letters = [c for c in word if ord(c) >= 0x80 and c.isalpha() and c not in "µªº"]
    if not letters:
        return True
    if not any(alphabet.issuperset(letters) for alphabet in _ALPHABETS):
        return False
    if _MISPLACED.search(word):
        return False
    for one, other in pairwise(word):
        if one.islower() and other.isupper() and ord(other) >= 0x80:
            return False
        both = ord(one) >= 0x80 and ord(other) >= 0x80
        if both and f"{one}{other}".lower() not in _PAIRS and not _is_icelandic(letters):
            return False
    return True


def _is_icelandic(letters: list[str]) -> bool:
    return any(c in "þðÞÐ" for c in letters)
