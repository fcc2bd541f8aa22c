"""A single picture as the raw body of a request."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from image2model.core.errors import UploadTooLarge

RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: JPEG, PNG, WebP or AVIF. Its type is told from its "
        "bytes; the `Content-Type` counts for nothing.",
        "content": {
            "application/octet-stream": {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "The picture's bytes.",
                }
            }
        },
    }
}
"""How OpenAPI describes such a body."""


SHEET_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The spreadsheet as it is, CSV or XLSX: told from its bytes. Its first row "
        "names the columns; one of them, `picture`, names the pictures' files.",
        "content": {
            "application/octet-stream": {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "The spreadsheet's bytes.",
                }
            }
        },
    }
}
"""The same for a spreadsheet."""


async def read_raw(request: Request, *, limit_bytes: int) -> AsyncIterator[bytes]:
    """
    Yield the body as it comes; one that promises to be too large is not read at all.

    Raises:
        UploadTooLarge: The request's `Content-Length` is over *limit_bytes*.
        ClientDisconnect: The sender has gone.
    """
    promised_bytes = promised_length(request)
    if promised_bytes is not None and promised_bytes > limit_bytes:
        raise UploadTooLarge(limit_bytes=limit_bytes)
    async for chunk in request.stream():
        yield chunk


def promised_length(request: Request) -> int | None:
    """Read how long the body is said to be, in bytes; None: nothing is said."""
    promised = request.headers.get("content-length", "")
    return int(promised) if promised.isascii() and promised.isdigit() else None


def file_name_in(request: Request) -> str | None:
    """Read the file's name from `Content-Disposition` (RFC 6266); None: it says none."""
    disposition = request.headers.get("content-disposition", "")
    for parameter in disposition.split(";")[1:]:
        key, _, value = parameter.strip().partition("=")
        if key.lower() == "filename*" and value.lower().startswith("utf-8''"):
            return unquote(value[7:]) or None
    _, options = parse_options_header(disposition)
    return options.get(b"filename", b"").decode(errors="replace") or None
