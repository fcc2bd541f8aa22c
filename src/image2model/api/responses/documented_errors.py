"""What routes can answer besides success, as OpenAPI's `responses`."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from image2model.api.responses.problems import (
    DOCS_PATH,
    INTERNAL_ERROR,
    PROBLEM_TYPE,
    status_of,
    title_of,
)
from image2model.core import errors
from image2model.core.errors import Image2ModelError

Responses = dict[int | str, dict[str, Any]]

ALWAYS: tuple[type[Image2ModelError], ...] = (
    errors.NotAuthenticated,
    errors.ScopeMissing,
    errors.HostNotAllowed,
    errors.InvalidRequest,
    errors.DatabaseUnavailable,
)
"""Any route may answer these."""

CHANGES: tuple[type[Image2ModelError], ...] = (errors.CrossSiteRequest, errors.UploadTooLarge)
"""Any route that takes a body may answer these too."""

PICTURE: tuple[type[Image2ModelError], ...] = (
    errors.NotAPicture,
    errors.PictureTypeUnsupported,
    errors.PictureDamaged,
    errors.PictureTooSmall,
    errors.PictureTooManyPixels,
    errors.PictureEmpty,
    errors.StorageFull,
    errors.StorageUnavailable,
    errors.ComputeCrashed,
    errors.ComputeTimedOut,
)
"""Any route that takes pictures in may answer these too."""

AT_THE_EDGE: Mapping[int, Mapping[str, str]] = {
    400: {"bad_request": "What came is no HTTP request, or too many of them at once."},
    408: {"request_too_slow": "The request came too slowly."},
    414: {"url_too_long": "The address is longer than the server reads."},
    429: {errors.TooManyRequests.code: "There are too many connections; `limit` says of whom."},
    431: {"header_too_large": "The header is larger than the server reads."},
}
"""Any request may be answered so before a route is looked for; the connection ends with it."""

INTERNAL_ERROR_MEANING = "Something nobody expected; the server's log says what."


def problems(*classes: type[Image2ModelError], changes: bool = False) -> Responses:
    """
    Document the errors of a route.

    Args:
        classes: What it may raise, besides `ALWAYS`.
        changes: Whether it is no mere reading: `CHANGES` are added.

    Returns:
        A response for every status, naming the codes that come with it.
    """
    by_status: dict[int, dict[str, str]] = defaultdict(dict)
    for one in (*ALWAYS, *(CHANGES if changes else ()), *classes):
        by_status[status_of(one)][one.code] = (one.__doc__ or "").strip().splitlines()[0]
    by_status[500][INTERNAL_ERROR] = INTERNAL_ERROR_MEANING
    return {status: problem_body(status, by_status[status]) for status in sorted(by_status)}


def edge_problems() -> Responses:
    """Document what any request may be answered with before a route is looked for."""
    return {status: problem_body(status, codes) for status, codes in AT_THE_EDGE.items()}


def problem_body(status: int, codes: Mapping[str, str]) -> dict[str, Any]:
    """Document one status with the *codes* that come with it and what each means."""
    meanings = "\n".join(f"- `{code}`: {meaning}" for code, meaning in codes.items())
    return {
        "description": f"{title_of(status)}.\n\n{meanings}",
        "content": {
            PROBLEM_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemOut"},
                "examples": {
                    code: {"summary": meaning, "value": _example(status, code, meaning)}
                    for code, meaning in codes.items()
                },
            }
        },
    }


def _example(status: int, code: str, meaning: str) -> dict[str, Any]:
    return {
        "type": f"{DOCS_PATH}#{code}",
        "title": title_of(status),
        "status": status,
        "detail": meaning,
        "code": code,
        "details": {},
    }
