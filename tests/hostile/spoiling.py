"""Ways to spoil a whole file: bytes, numbers, JSON values, members of archives, chunks."""

import json
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from tests.geometry.glb_files import pack_text
from tests.hostile import seeds

Spoil: TypeAlias = Callable[[random.Random, Sequence[bytes]], bytes]
"""Makes a spoilt file of one or two of some whole ones."""

NUMBERS = (0, 1, -1, 2, 3, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1,
           2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 10**30)  # fmt: skip
WORDS = (
    b"nan", b"inf", b"-inf", b"1e308", b"1e-320", b"-0", b"1e999", b"0x10", b"1_000", b"", b"\0",
    b"\xff\xfe", "\u0661".encode(), b"99999999999999999999", b"9" * 5000, b"../../x", b"\n", b"\r",
    b'"', b"'", b"<!--", b"&amp;", b"]]>", b"\x1b[31m", b"\xed\xa0\x80", b"-1", b"4294967296", b" ",
)  # fmt: skip
VALUES: Sequence[Any] = (
    *NUMBERS, -1.5, 1e308, float("nan"), float("inf"), None, True, False, "", "x", "\ud800", "\x1b",
    "data:,", "data:application/octet-stream;base64,AAAA", "file:///etc/passwd", "http://10.0.0.1/",
    [], {}, [0], [[]], {"x": 0}, [None], "VEC3", "MAT4", 5126, 5121, [1e308] * 3, [0] * 16,
    "9" * 5000,
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TOKEN = re.compile(rb"[A-Za-z_]+|-?\d[\d.eE+-]*|[^\w\s]|\s+")


def raw(dice: random.Random, whole: Sequence[bytes]) -> bytes:
    """Change, move, repeat and cut bytes."""
    data = bytearray(dice.choice(whole))
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        _spoil_bytes(dice, data, dice.choice(whole))
    return bytes(data)


def _spoil_bytes(dice: random.Random, data: bytearray, other: bytes) -> None:
    at = dice.randrange(len(data) + 1)
    to = min(len(data), at + dice.choice((1, 2, 4, 8, 16, 64, 300)))
    match dice.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        case 1 if at < len(data):
            data[at] = dice.choice((0, 255, 127, 128, dice.randrange(256)))
        case 2:
            del data[at:to]
        case 3:
            data[at:at] = data[at:to] * dice.choice((1, 2, 50))
        case 4:
            number = dice.choice(NUMBERS) % 2**32
            data[at : at + 4] = struct.pack(dice.choice("<>") + "I", number)
        case 5:
            del data[at:]
        case 6:
            start = dice.randrange(len(other) + 1)
            data[at:to] = other[start : start + dice.choice((4, 30, 300))]
        case _:
            data[at:at] = dice.choice(WORDS)


def text(dice: random.Random, whole: Sequence[bytes]) -> bytes:
    """Change numbers, words and lines; now and then bytes."""
    data = dice.choice(whole)
    for _ in range(dice.choice((1, 1, 2, 4))):
        if len(data) > 500_000:
            break
        match dice.randrange(5):
            case 0:
                data = _instead(dice, _NUMBER, data)
            case 1:
                data = _instead(dice, _TOKEN, data)
            case 2:
                lines = data.split(b"\n")
                at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
                lines[at] = lines[other] * dice.choice((1, 2, 300))
                data = b"\n".join(lines)
            case 3:
                lines = data.split(b"\n")
                del lines[dice.randrange(len(lines))]
                data = b"\n".join(lines)
            case _:
                data = raw(dice, [data, *whole])
    return data


def _instead(dice: random.Random, pattern: re.Pattern[bytes], data: bytes) -> bytes:
    found = list(pattern.finditer(data[:200_000]))
    if not found:
        return data
    one = dice.choice(found)
    instead = dice.choice((*WORDS, *(str(number).encode() for number in NUMBERS)))
    return data[: one.start()] + instead + data[one.end() :]


def json_text(dice: random.Random, whole: Sequence[bytes]) -> bytes:
    """Change values of a JSON text; now and then its bytes."""
    data = dice.choice(whole)
    if dice.random() < 0.1:
        return raw(dice, [data])
    document = json.loads(data)
    for _ in range(dice.choice((1, 1, 2, 3, 6))):
        _spoil_value(dice, document)
    return json.dumps(document).encode()


def _spoil_value(dice: random.Random, document: Any) -> None:
    places = list(_places(document))
    if not places:
        return
    holder, key = dice.choice(places)
    match dice.randrange(6):
        case 0:
            del holder[key]
        case 1:
            other, other_key = dice.choice(places)
            # A copy, so that nothing holds itself.
            holder[key] = deepcopy(other[other_key]) if other_key in _keys(other) else 0
        case 2 if isinstance(holder[key], int | float):
            holder[key] += dice.choice((1, -1, 4, -4, 1000, 0.5))
        case 3 if isinstance(holder, list) and len(str(holder)) < 100_000:
            holder += [deepcopy(holder[key]) for _ in range(dice.choice((1, 3, 200)))]
        case 4:
            value = deepcopy(dice.choice(VALUES))
            for _ in range(dice.choice((1, 50))):
                value = [value]
            holder[key] = value
        case _:
            holder[key] = deepcopy(dice.choice(VALUES))


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _places(value: Any, depth: int = 0) -> Any:
    if depth > 20:
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(pairs) if isinstance(value, dict | list) else ():
        yield value, key
        if isinstance(one, dict | list):
            yield from _places(one, depth + 1)


def glb(dice: random.Random, whole: Sequence[bytes]) -> bytes:
    """Change the JSON of a GLB file, or the arrays, or the bytes of all."""
    data = dice.choice(whole)
    length = int.from_bytes(data[12:16], "little")
    document, binary = data[20 : 20 + length], data[28 + length :]
    match dice.randrange(6):
        case 0:
            return raw(dice, [data])
        case 1 if binary:
            return pack_text(document, raw(dice, [binary]))
        case _:
            return pack_text(json_text(dice, [document]), binary)


def archive(dice: random.Random, whole: Sequence[bytes]) -> bytes:
    """Change a member of an archive, or its name, or the bytes of all."""
    data = dice.choice(whole)
    if dice.random() < 0.2:
        return raw(dice, [data])
    files = seeds.unzipped(data)
    name = dice.choice(sorted(files))
    match dice.randrange(8):
        case 0:
            del files[name]
        case 1:
            files[dice.choice(("../x", "/x", "a" * 300, "\u202e", name.upper()))] = files.pop(name)
        case 2:
            files = {one.replace("/", "\\"): content for one, content in files.items()}
        case _:
            spoil = text if files[name][:1] in b"<{#vm" else raw
            files[name] = spoil(dice, [files[name]])
    return seeds.zipped(files)


def png(dice: random.Random, whole: Sequence[bytes]) -> bytes:
    """Change chunks of a PNG file, with checksums that are right; or the bytes of all."""
    data = dice.choice(whole)
    if dice.random() < 0.2:
        return raw(dice, [data])
    chunks = []
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    place = dice.randrange(len(chunks))
    kind, body = chunks[place]
    match dice.randrange(5):
        case 0:
            del chunks[place]
        case 1:
            chunks[place:place] = [chunks[place]] * dice.choice((1, 3, 500))
        case 2:
            other = dice.randrange(len(chunks))
            chunks[place], chunks[other] = chunks[other], chunks[place]
        case 3:
            chunks[place] = raw(dice, [kind]).ljust(4, b"a")[:4], body
        case _:
            chunks[place] = kind, raw(dice, [body or b"\0"])
    out = bytearray(data[:8])
    for kind, body in chunks:
        out += struct.pack(">I", len(body)) + kind + body
        out += struct.pack(">I", zlib.crc32(kind + body))
    return bytes(out)
