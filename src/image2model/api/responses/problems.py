"""Errors as RFC 9457 problem details: which class becomes which status, and the body."""

import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from image2model.core import errors
from image2model.core.errors import (
    Image2ModelError,
    InvalidRequest,
)
from image2model.core.text.close_names import did_you_mean
from image2model.wire.adjust import AdjustIn
from image2model.wire.job_requests import DraftIn, JobFormIn
from image2model.wire.problems import ProblemOut

_log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
DOCS_PATH = "/api/docs"

STATUS: Mapping[type[Image2ModelError], int] = {
    errors.InvalidInputError: 422,
    errors.InvalidPictureError: 422,
    errors.NotAPicture: 422,
    errors.PictureTypeUnsupported: 422,
    errors.PictureDamaged: 422,
    errors.PictureTooSmall: 422,
    errors.PictureTooManyPixels: 422,
    errors.PictureEmpty: 422,
    errors.SubjectNotFound: 422,
    errors.InvalidRequest: 422,
    errors.InvalidOptions: 422,
    errors.InvalidViews: 422,
    errors.InvalidSheet: 422,
    errors.NoPictures: 422,
    errors.TooManyItems: 422,
    errors.UploadTooLarge: 413,
    errors.PictureNotFetched: 422,
    errors.FormatUnsupported: 422,
    errors.PriceUnknown: 422,
    errors.InvalidMesh: 422,
    errors.NotFoundError: 404,
    errors.JobNotFound: 404,
    errors.SharedLinkNotFound: 404,
    errors.ItemNotFound: 404,
    errors.ViewNotFound: 404,
    errors.FileNotInResult: 404,
    errors.GeneratorNotFound: 404,
    errors.ApiKeyNotFound: 404,
    errors.OwnerNotFound: 404,
    errors.ArtifactNotFound: 404,
    errors.WebhookNotFound: 404,
    errors.DeliveryNotFound: 404,
    errors.ResultExpired: 410,
    errors.ConflictError: 409,
    errors.WrongState: 409,
    errors.IdempotencyKeyReused: 422,
    errors.AlreadyRunning: 409,
    errors.SpendingStopped: 409,
    errors.LeaseLost: 409,
    errors.AccessError: 403,
    errors.NotAuthenticated: 401,
    errors.ScopeMissing: 403,
    errors.AccessEnded: 403,
    errors.SignInRefused: 401,
    errors.SignInNotOffered: 404,
    errors.SignInUnavailable: 503,
    errors.CrossSiteRequest: 403,
    errors.GeneratorNotAllowed: 403,
    errors.PaymentNotAllowed: 403,
    errors.WebhookRefused: 401,
    errors.WebhookNotVerified: 401,
    errors.ProxyNotAnnounced: 403,
    errors.HostNotAllowed: 421,
    errors.LimitError: 429,
    errors.BudgetExceeded: 402,
    errors.QuotaExceeded: 413,
    errors.TooManyJobs: 429,
    errors.TooManyWebhooks: 409,
    errors.TooManyRequests: 429,
    errors.ItemTimedOut: 504,
    errors.ProviderError: 502,
    errors.ProviderRejected: 422,
    errors.ProviderUnavailable: 503,
    errors.ProviderAccountBlocked: 503,
    errors.GeneratorRetired: 503,
    errors.ProviderResultInvalid: 502,
    errors.SubmissionUncertain: 502,
    errors.StorageError: 503,
    errors.ArtifactTooLarge: 413,
    errors.StorageFull: 507,
    errors.StorageUnavailable: 503,
    errors.DatabaseUnavailable: 503,
    errors.FetchError: 502,
    errors.FetchRefused: 502,
    errors.FetchGone: 502,
    errors.FetchBroken: 502,
    errors.ComputeError: 500,
    errors.ComputeCrashed: 500,
    errors.ComputeTimedOut: 503,
    errors.ConfigurationError: 500,
    errors.InvalidSetting: 500,
    errors.ExtraMissing: 501,
    errors.ServerError: 502,
    errors.ServerUnreachable: 502,
    errors.ServerAnswerUnknown: 502,
}
"""Every class of the tree; one that a plug-in adds below has the status of its nearest base."""

_HTTP_CODES = {
    404: "route_not_found",
    405: "method_not_allowed",
    413: "upload_too_large",
    416: "range_not_satisfiable",
}
INTERNAL_ERROR = "internal_error"

_FIELDS = sorted({*DraftIn.model_fields, *JobFormIn.model_fields, *AdjustIn.model_fields})

_TITLES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""As RFC 9110 has them; Python before 3.13 knows older ones."""


def status_of(error: type[Image2ModelError]) -> int:
    """Tell the HTTP status of a class of errors."""
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def title_of(status: int) -> str:
    """Say an HTTP status in words."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def problem(error: Image2ModelError) -> Response:
    """Answer with *error*."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if (retry_after_s := getattr(error, "retry_after_s", None)) is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    return _answer(
        status_of(type(error)),
        code=error.code,
        detail=error.message,
        details=error.details,
        headers=headers,
    )


def http_problem(
    status: int, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with an error of HTTP itself, which the product has no class for."""
    return _answer(status, code=code or _code_of(status), detail=detail, headers=headers)


def internal_problem() -> Response:
    """Answer that something unexpected happened, without saying what."""
    return http_problem(
        500, "Something unexpected went wrong; the server's log says what.", code=INTERNAL_ERROR
    )


def _answer(
    status: int,
    *,
    code: str,
    detail: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = ProblemOut(
        type=f"{DOCS_PATH}#{code}",
        title=title_of(status),
        status=status,
        detail=detail,
        code=code,
        details=dict(details or {}),
    )
    return _ProblemResponse(
        body.model_dump(mode="json"), status_code=status, headers=dict(headers or {})
    )


class _ProblemResponse(JSONResponse):
    media_type = PROBLEM_TYPE

    def render(self, content: Any) -> bytes:
        """Write JSON, with a question mark for half a character that a caller sent."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(
            errors="replace"
        )


def _code_of(status: int) -> str:
    return _HTTP_CODES.get(status, f"http_{status}")


async def on_product_error(request: Request, error: Exception) -> Response:
    """Answer an error that the product raised on purpose."""
    assert isinstance(error, Image2ModelError)
    if status_of(type(error)) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s", request.method, request.url.path, error.message)
    return problem(error)


async def on_invalid_request(_request: Request, error: Exception) -> Response:
    """Answer a request whose fields do not fit, naming the first one and listing all."""
    assert isinstance(error, RequestValidationError)
    faults = [(_field_of(fault["loc"]), _fault(fault)) for fault in error.errors()]
    field, reason = faults[0]
    invalid = InvalidRequest(field=field, reason=reason)
    invalid.details = {
        **invalid.details,
        "errors": [{"field": field, "reason": reason} for field, reason in faults],
    }
    return problem(invalid)


def _field_of(place: tuple[int | str, ...]) -> str:
    """Name a field by its path, without the part of the request that it is in."""
    path = [str(part) for part in place]
    return ".".join(path[1:] if len(path) > 1 else path)


def _fault(fault: Mapping[str, Any]) -> str:
    """Say what is wrong with a field, and what was probably meant."""
    name, given = str(fault["loc"][-1]), fault.get("input")
    if fault["type"] == "extra_forbidden":
        return f"is no field.{did_you_mean(name, _FIELDS)}"
    said = _sentence(fault["msg"])
    if fault["type"] == "literal_error" and isinstance(given, str):
        return said + did_you_mean(given, re.findall("'([^']*)'", fault["ctx"]["expected"]))
    return said


def _sentence(text: str) -> str:
    # pydantic says of our own checks what kind of exception they raised.
    plain = re.sub("^(Value|Assertion) error, ", "", text)
    return f"is not acceptable: {plain.rstrip('.')}."


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown route, a wrong method and the like."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI could not read a JSON body.
        return problem(InvalidRequest(field="body", reason="is no JSON text."))
    details = {
        404: "There is nothing at this address; the API's reference is at /api/docs.",
        405: "This address does not take that method.",
    }
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_of(request))
    return http_problem(
        error.status_code, details.get(error.status_code, str(error.detail)), headers=headers
    )


def _methods_of(request: Request) -> Iterator[str]:
    """List the methods of an address: FastAPI's own answer names those of one route only."""
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            yield method


async def on_disconnect(_request: Request, _error: Exception) -> Response:
    """Let go of a request whose sender has gone; nobody reads the answer."""
    return http_problem(400, "The request ended before all of it came.", code="incomplete_request")


HANDLERS: dict[int | type[Exception], Any] = {
    Image2ModelError: on_product_error,
    RequestValidationError: on_invalid_request,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
}
