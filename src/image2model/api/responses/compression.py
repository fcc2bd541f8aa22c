"""
Answers that are the same for everybody: compressed, and not sent again to those who have them.

Only these are compressed. How long a compressed answer is tells something about what it holds: who
can have their own words put beside a secret guesses that secret from the lengths (BREACH). Jobs
hold names that others may have chosen beside addresses that only their owner may know, so they go
out as they are; event streams do, because a compressor would hold events back.
"""

import gzip
from functools import lru_cache
from hashlib import sha256

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # Before Python 3.14.
    zstd = None

_GZIP_LEVEL = 9
_WORTH_PACKING_BYTES = 1_000
"""What fits into one packet is not sent sooner for being smaller."""

_ASK_AGAIN = "private, no-cache"
"""Whom it is sent to may depend on an API key, and it changes with the server's settings."""


def send_json(request: Request, content: BaseModel) -> Response:
    """Answer with JSON that is the same for everybody who may ask."""
    return send_packed(request, content.model_dump_json().encode(), "application/json")


def send_packed(
    request: Request, content: bytes, media_type: str, *, policy: str | None = None
) -> Response:
    """
    Answer with text that is the same for everybody who may ask.

    Args:
        request: What is answered.
        content: The text, as UTF-8. It is compressed once as long as it does not change.
        media_type: Its type.
        policy: A Content-Security-Policy of its own; None: that of the API.
    """
    # Weak: the same tag stands for the packed and the plain bytes (RFC 9110, section 8.8.3.3).
    etag = f'W/"{sha256(content).hexdigest()[:32]}"'
    headers = {"Cache-Control": _ASK_AGAIN, "ETag": etag, "Vary": "Accept-Encoding"}
    if policy is not None:
        headers["Content-Security-Policy"] = policy
    if is_known(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    encoding = best_encoding(request.headers.get("accept-encoding", ""), _OFFERED)
    if encoding and len(content) >= _WORTH_PACKING_BYTES:
        headers["Content-Encoding"] = encoding
        content = _pack(content, encoding)
    return Response(content, media_type=media_type, headers=headers)


def is_known(known: str, etag: str) -> bool:
    """Tell whether the header `If-None-Match` names *etag*, compared weakly (RFC 9110, 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def best_encoding(accepted: str, offered: tuple[str, ...]) -> str:
    """
    Choose a content coding by the header `Accept-Encoding` (RFC 9110, section 12.5.3).

    Args:
        accepted: The header.
        offered: What we have, the best first.

    Returns:
        The offered one that the client wants most, the better of equals; "": as it is.
    """
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        weights[name] = next(map(_weight, parameters), 1.0)
    rest = weights.get("*", 0.0)
    found = [(weights.get(coding, rest), -place) for place, coding in enumerate(offered)]
    weight, place = max(found, default=(0.0, 0))
    plain = weights.get("identity", 0.0)
    return offered[-place] if weight > 0 and weight >= plain else ""


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


@lru_cache(maxsize=32)
def _pack(content: bytes, encoding: str) -> bytes:
    if encoding == "zstd":
        packed: bytes = zstd.compress(content, 19)
        return packed
    return gzip.compress(content, _GZIP_LEVEL, mtime=0)


_OFFERED = ("gzip",) if zstd is None else ("zstd", "gzip")
