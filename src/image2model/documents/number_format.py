"""Show the numbers and dates of a workbook as a spreadsheet program shows them."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | _(?P<space>.) | \*(?P<fill>.)
    | \[(?P<bracket>[^\]]*)\] | (?P<ampm>AM/PM|A/P) | (?P<general>General)
    | (?P<exponent>E[+-]) | (?P<date>y+|m+|d+|h+|s+) | (?P<any>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""ECMA-376 part 1, 18.8.31: what a number format consists of."""

_COLORS = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|color ?\d+", re.IGNORECASE)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?\d+(?:\.\d+)?)")
_CURRENCY = re.compile(r"\$([^-\]]*)(?:-[0-9a-f]+)?", re.IGNORECASE)
_LOCAL = re.compile(r"\[\$-(?!0*409\])[^\]]*\]", re.IGNORECASE)
_OF_THE_SYSTEM = re.compile(r"\[\$-f[48]00\]", re.IGNORECASE)
_DATE_PART = re.compile(r"y+|m+|d+|h+|s+", re.IGNORECASE)
_PLACEHOLDERS = "0#?"
_LONGEST = 255
"""Characters of a format; spreadsheet programs take no more."""

_SHORT_DATES = ("mm-dd-yy", "m/d/yy h:mm")
"""The formats 14 and 22, which look different in every country."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class _Token(NamedTuple):
    kind: str
    text: str


def shown_number(value: float, number_format: str | None) -> str | None:
    """
    Write *value* as a cell with *number_format* shows it, in the notation of the United States.

    Whole numbers are never shown in fewer digits than they have: an article number that a program
    shows as `4.01E+12` for want of room keeps its digits.

    Returns:
        None: the format is one that is not understood here, such as that of fractions.
    """
    if number_format and len(number_format) > _LONGEST:
        return None
    section, value = _section_for(value, number_format or "General")
    tokens = _tokens(section)
    kinds = {token.kind for token in tokens}
    if "general" in kinds or kinds == {"text"}:
        digits = plain_number(value)
        return "".join(
            digits if token.kind in {"general", "text"} else token.text for token in tokens
        )
    if "date" in kinds or "ampm" in kinds or any(token.text == "/" for token in tokens):
        return None
    return _filled(value, tokens)


def plain_number(value: float) -> str:
    """Write *value* without exponent or rounding errors: `0.3`, not `0.30000000000000004`."""
    if isinstance(value, int) or value.is_integer():
        return str(int(value))
    return f"{Decimal(f'{value:.15g}'):f}"


def shown_date(value: date | time | timedelta, number_format: str | None) -> str:
    """
    Write a date or a time as a cell with *number_format* shows it.

    Where its look depends on the country of the reader (names of months in other languages, the
    short date of the system), it is written as in ISO 8601.
    """
    text = (number_format or "")[: _LONGEST + 1].split(";")[0]
    if len(text) > _LONGEST:
        text = ""
    if isinstance(value, timedelta):
        return _shown_duration(value, text)
    tokens = _tokens(text)
    parts_asked = [token.text for token in tokens if token.kind == "date"]
    is_plain = parts_asked and all(_DATE_PART.fullmatch(part) for part in parts_asked)
    has_names = any(part[0] in "mMdD" and len(part) > 2 for part in parts_asked)
    is_local = (
        text.casefold() in _SHORT_DATES
        or _OF_THE_SYSTEM.search(text) is not None
        or (has_names and _LOCAL.search(text) is not None)
    )
    if is_local or not is_plain or any(map(_is_place, tokens)):
        return _iso(value)
    moment = value if isinstance(value, datetime) else _as_datetime(value)
    halved = any(token.kind == "ampm" for token in tokens)
    parts: list[str] = []
    for place, token in enumerate(tokens):
        if token.kind == "date":
            parts.append(_date_part(moment, tokens, place, halved=halved))
        elif token.kind == "ampm":
            parts.append(token.text.split("/")[moment.hour >= 12])
        elif token.kind != "text":
            parts.append(token.text)
    return "".join(parts).strip()


def _section_for(value: float, number_format: str) -> tuple[str, float]:
    """Choose the section of *number_format* that *value* is shown by, and what it then shows."""
    sections = _sections(number_format)
    conditions = [_condition(section) for section in sections]
    if any(conditions):
        for section, condition in zip(sections, conditions, strict=True):
            if condition is None or _holds(value, *condition):
                return section, value
        return sections[-1], value
    if value < 0 and len(sections) > 1:
        return sections[1], -value
    if value == 0 and len(sections) > 2:
        return sections[2], value
    return sections[0], value


def _sections(number_format: str) -> Sequence[str]:
    """Divide a format at its semicolons; the fourth section, that of texts, is left out."""
    parts = re.findall(r'((?:"[^"]*"|\\.|\[[^\]]*\]|[^;])*)(?:;|$)', number_format, re.DOTALL)
    return parts[: max(1, min(3, len(parts) - 1))]


def _condition(section: str) -> tuple[str, float] | None:
    for bracket in re.findall(r"\[([^\]]*)\]", section):
        if found := _CONDITION.fullmatch(bracket):
            return found[1], float(found[2])
    return None


def _holds(value: float, operator: str, limit: float) -> bool:
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }[operator]


def _tokens(section: str) -> Sequence[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(section):
        kind, text = match.lastgroup or "any", match[match.lastgroup or "any"]
        if kind == "space":
            found.append(_Token("literal", " "))
        elif kind in {"quoted", "escaped"}:
            found.append(_Token("literal", text))
        elif kind == "bracket":
            found += _bracket(text)
        elif kind == "any":
            found.append(_Token("text" if text == "@" else "any", text))
        elif kind != "fill":
            found.append(_Token(kind, text))
    return found


def _bracket(text: str) -> Sequence[_Token]:
    if currency := _CURRENCY.fullmatch(text):
        return [_Token("literal", currency[1])] if currency[1] else []
    if _COLORS.fullmatch(text) or _CONDITION.fullmatch(text):
        return []
    # Anything else, such as digits of another script, changes what is shown.
    return [_Token("date", text)]


def _filled(value: float, tokens: Sequence[_Token]) -> str | None:
    """Put the digits of *value* into the places that *tokens* have for them."""
    places = [n for n, token in enumerate(tokens) if _is_place(token)]
    if not places:
        # A format of nothing but words shows them in place of the number.
        return "".join(token.text for token in tokens).strip()
    exponents = [n for n, token in enumerate(tokens) if token.kind == "exponent"]
    number = Decimal(repr(value))
    if exponents:
        return plain_number(value) if number == number.to_integral_value() else None
    point = next((n for n, t in enumerate(tokens) if t == ("any", ".")), len(tokens))
    whole, after = [n for n in places if n < point], [n for n in places if n > point]
    commas = [n for n, token in enumerate(tokens) if token == ("any", ",")]
    last = whole[-1] if whole else point
    # Commas behind all digits, or just before the point, divide by a thousand each.
    scale = sum(n > places[-1] or last < n < point for n in commas)
    percent = sum(token == ("any", "%") for token in tokens)
    try:
        number = number.scaleb(2 * percent - 3 * scale)
        number = number.quantize(Decimal(1).scaleb(-len(after)), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return None
    digits, _, decimals = f"{abs(number):f}".partition(".")
    groups = any(whole and whole[0] < n < last for n in commas)
    shown = dict(_whole_digits(digits, tokens, whole, groups=groups))
    shown |= _decimal_digits(decimals, tokens, after)
    if point < len(tokens) and not any(shown[n] for n in after):
        shown[point] = "" if not after else "."
    text = "".join(
        shown.get(n, "" if n in commas else token.text) for n, token in enumerate(tokens)
    ).strip()
    return f"-{text}" if number < 0 else text


def _is_place(token: _Token) -> bool:
    return token.kind == "any" and token.text in _PLACEHOLDERS


def _whole_digits(
    digits: str, tokens: Sequence[_Token], places: Sequence[int], *, groups: bool
) -> Sequence[tuple[int, str]]:
    """Share *digits* among *places* from the right; the first place takes all that is left."""
    rest, found, written = digits if digits != "0" else "", [], 0
    for place in reversed(places):
        first = place == places[0]
        taken, rest = (rest, "") if first else (rest[-1:], rest[:-1])
        if not taken:
            taken = {"0": "0", "?": " ", "#": ""}[tokens[place].text]
        text = ""
        for digit in reversed(taken):
            text = digit + ("," if groups and written and written % 3 == 0 else "") + text
            written += digit.isdigit()
        found.append((place, text))
    return found


def _decimal_digits(
    decimals: str, tokens: Sequence[_Token], places: Sequence[int]
) -> dict[int, str]:
    kept = len(decimals.rstrip("0"))
    return {
        place: decimals[n]
        if n < kept or tokens[place].text == "0" or any(tokens[p].text == "0" for p in places[n:])
        else {"?": " ", "#": ""}[tokens[place].text]
        for n, place in enumerate(places)
    }


def _date_part(moment: datetime, tokens: Sequence[_Token], place: int, *, halved: bool) -> str:
    text = tokens[place].text.lower()
    letter, length = text[0], len(text)
    if letter == "m" and _are_minutes(tokens, place):
        return f"{moment.minute:0{min(2, length)}d}"
    hour = (moment.hour + 11) % 12 + 1 if halved else moment.hour
    match letter:
        case "y":
            return f"{moment.year % 100:02d}" if length <= 2 else f"{moment.year:04d}"
        case "m" if length >= 3:
            name = _MONTHS[moment.month - 1]
            return name[: {3: 3, 5: 1}.get(length, len(name))]
        case "d" if length >= 3:
            name = _DAYS[moment.weekday()]
            return name[:3] if length == 3 else name
        case _:
            number = {"m": moment.month, "d": moment.day, "h": hour, "s": moment.second}[letter]
            return f"{number:0{min(2, length)}d}"


def _are_minutes(tokens: Sequence[_Token], place: int) -> bool:
    """Tell whether an `m` stands for minutes: after hours or before seconds."""
    before = [t.text[0].lower() for t in tokens[:place] if t.kind == "date"]
    after = [t.text[0].lower() for t in tokens[place + 1 :] if t.kind == "date"]
    return before[-1:] == ["h"] or after[:1] == ["s"]


def _shown_duration(value: timedelta, text: str) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, minutes = divmod(seconds // 60, 60)
    ends_with_minutes = "s" not in text.lower()
    shown = f"{sign}{hours}:{minutes:02d}"
    return shown if ends_with_minutes else f"{shown}:{seconds % 60:02d}"


def _as_datetime(value: date | time) -> datetime:
    if isinstance(value, time):
        return datetime.combine(date(1900, 1, 1), value)
    return datetime.combine(value, time())


def _iso(value: date | time) -> str:
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat()
