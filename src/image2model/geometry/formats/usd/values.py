"""Values in OpenUSD's crate files: 64 bits each, which hold the value or say where it lies."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.formats.usd.compression import compress

_ARRAY, _INLINED = 1 << 63, 1 << 62
_TYPE_SHIFT = 48
_BOOL, _INT, _FLOAT, _DOUBLE, _STRING, _TOKEN, _ASSET = 1, 3, 8, 9, 10, 11, 12
_VEC2F, _VEC3F, _VEC4F = 20, 24, 28
_DICTIONARY, _TOKEN_LIST_OP, _PATH_LIST_OP = 31, 32, 34
_TOKEN_VECTOR, _SPECIFIER, _VARIABILITY = 41, 42, 44

_EXPLICIT, _HAS_EXPLICIT, _HAS_PREPENDED = 1, 2, 32

_ARRAYS: Mapping[str, tuple[int, str]] = {
    "int[]": (_INT, "<i4"),
    "float[]": (_FLOAT, "<f4"),
    "float3[]": (_VEC3F, "<f4"),
    "color3f[]": (_VEC3F, "<f4"),
    "normal3f[]": (_VEC3F, "<f4"),
    "point3f[]": (_VEC3F, "<f4"),
    "texCoord2f[]": (_VEC2F, "<f4"),
}
_VECTORS: Mapping[str, int] = {
    "color3f": _VEC3F,
    "float2": _VEC2F,
    "float3": _VEC3F,
    "float4": _VEC4F,
    "normal3f": _VEC3F,
}


def _rep(kind: int, payload: int, flags: int = _INLINED) -> int:
    return flags | kind << _TYPE_SHIFT | payload


def _float_bits(value: float) -> int:
    return int(np.float32(value).view(np.uint32))


SPECIFIER_DEF = _rep(_SPECIFIER, 0)
VARIABILITY_UNIFORM = _rep(_VARIABILITY, 1)


@dataclass(slots=True, kw_only=True)
class Values:
    """
    Collects the values of a file.

    Attributes:
        start: Where in the file they begin.
        paths: The index of every path.
        pieces: The values so far.
        end: Where in the file they end so far.
    """

    start: int
    paths: Mapping[str, int]
    pieces: list[bytes] = field(default_factory=list)
    end: int = field(init=False)
    # The first token is the empty one: a property's element has its index negated, never −0.
    _tokens: dict[str, int] = field(default_factory=lambda: {"": 0})
    _strings: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.end = self.start

    def token_index(self, text: str) -> int:
        """Return the index of a token, which is new or known."""
        return self._tokens.setdefault(text, len(self._tokens))

    def token(self, text: str) -> int:
        """Encode a `token`."""
        return _rep(_TOKEN, self.token_index(text))

    def asset(self, path: str) -> int:
        """Encode an `asset`: the path of a file."""
        return _rep(_ASSET, self.token_index(path))

    def string(self, text: str) -> int:
        """Encode a `string`."""
        return _rep(_STRING, self._string_index(text))

    def double(self, value: float) -> int:
        """Encode a `double`."""
        if float(np.float32(value)) == value:
            return _rep(_DOUBLE, _float_bits(value))
        return self._placed(_DOUBLE, struct.pack("<d", value))

    def token_vector(self, texts: Sequence[str]) -> int:
        """Encode a list of names."""
        return self._placed(_TOKEN_VECTOR, self._indices(self.token_index, texts))

    def prepended_tokens(self, texts: Sequence[str]) -> int:
        """Encode a change that puts *texts* in front of a list."""
        content = self._indices(self.token_index, texts)
        return self._placed(_TOKEN_LIST_OP, bytes([_HAS_PREPENDED]) + content)

    def path_list(self, path: str) -> int:
        """Encode a list of one path, which replaces any other."""
        content = self._indices(self.paths.__getitem__, [path])
        return self._placed(_PATH_LIST_OP, bytes([_EXPLICIT | _HAS_EXPLICIT]) + content)

    def dictionary(self, texts: Mapping[str, str]) -> int:
        """Encode texts by name."""
        # Each value is 64 bits behind an offset to them; so they lie right behind it.
        entries = [
            struct.pack("<IqQ", self._string_index(name), 8, self.string(text))
            for name, text in texts.items()
        ]
        return self._placed(_DICTIONARY, struct.pack("<Q", len(entries)) + b"".join(entries))

    def of_type(self, type_name: str, value: Any) -> int:
        """Encode *value*, of the type that USD calls *type_name*."""
        encode: Mapping[str, Callable[[Any], int]] = {
            "asset": self.asset,
            "bool": lambda yes: _rep(_BOOL, int(yes)),
            "float": lambda number: _rep(_FLOAT, _float_bits(number)),
            "string": self.string,
            "token": self.token,
        }
        if type_name in encode:
            return encode[type_name](value)
        if type_name in _VECTORS:
            return self._placed(_VECTORS[type_name], struct.pack(f"<{len(value)}f", *value))
        return self._array(type_name, value)

    def token_section(self) -> bytes:
        """Return all tokens."""
        texts = b"".join(text.encode("utf-8", "replace") + b"\0" for text in self._tokens)
        packed = compress(texts)
        return struct.pack("<QQQ", len(self._tokens), len(texts), len(packed)) + packed

    def string_section(self) -> bytes:
        """Return all strings, as tokens."""
        return struct.pack(f"<Q{len(self._strings)}I", len(self._strings), *self._strings)

    def _string_index(self, text: str) -> int:
        return self._strings.setdefault(self.token_index(text), len(self._strings))

    @staticmethod
    def _indices(index: Callable[[str], int], names: Sequence[str]) -> bytes:
        return struct.pack(f"<Q{len(names)}I", len(names), *(index(name) for name in names))

    def _array(self, type_name: str, value: NDArray[Any]) -> int:
        kind, dtype = _ARRAYS[type_name]
        if not len(value):
            return _rep(kind, 0, _ARRAY)
        # Readers that map the file into memory want arrays aligned.
        self._append(bytes(-(self.end + 8) % 16))
        data = np.ascontiguousarray(value, dtype)
        return self._placed(kind, struct.pack("<Q", len(value)) + data.tobytes(), _ARRAY)

    def _placed(self, kind: int, content: bytes, flags: int = 0) -> int:
        at = self.end
        self._append(content)
        return _rep(kind, at, flags)

    def _append(self, content: bytes) -> None:
        self.pieces.append(content)
        self.end += len(content)
