"""Answers that the real service is known to give when something is wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from image2model.testing.fal_simulator.exchange import Reply, json_reply, text_reply

NGINX_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)

NOT_FOUND = {"status": "NOT_FOUND"}

INFRASTRUCTURE_ERRORS: Mapping[str, int] = {
    "request_timeout": 504,
    "startup_timeout": 504,
    "runner_scheduling_failure": 503,
    "runner_connection_timeout": 503,
    "runner_disconnected": 503,
    "runner_connection_refused": 503,
    "runner_connection_error": 503,
    "runner_incomplete_response": 502,
    "runner_server_error": 500,
    "client_disconnected": 499,
    "client_cancelled": 499,
    "bad_request": 400,
    "internal_error": 500,
}
"""Error types of the infrastructure, with the HTTP status of each."""


def model_error(
    error_type: str,
    *,
    message: str,
    loc: Sequence[str] = ("body", "image_url"),
    ctx: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Return one item of the `detail` list of a model's error."""
    return {
        "loc": list(loc),
        "msg": message,
        "type": error_type,
        "url": f"https://docs.fal.ai/errors#{error_type}",
        **({"ctx": dict(ctx)} if ctx else {}),
    }


def platform_error(status: int, error_type: str, message: str, **headers: str) -> Reply:
    """Return an error in the shape of the platform API."""
    docs = f"https://docs.fal.ai/platform-apis/errors#{error_type}"
    body = {"type": error_type, "message": message, "docs_url": docs, "request_id": "simulated"}
    return json_reply({"error": body}, status=status, headers=headers)


def unauthorized() -> Reply:
    """Return 401."""
    return json_reply({"detail": "Invalid API key"}, status=401)


def exhausted_balance() -> Reply:
    """Return the 403 of an account without credit."""
    detail = "User is locked. Reason: Exhausted balance. Top up your balance to continue."
    return json_reply({"detail": detail}, status=403)


def retired() -> Reply:
    """Return the 404 of an endpoint that is no longer there."""
    return json_reply({"detail": "Application not found"}, status=404)


def missing(*, status: int = 404) -> Reply:
    """Return *status* with NOT_FOUND."""
    return json_reply(NOT_FOUND, status=status)


def validation_list(
    *,
    type: str = "image_too_small",  # noqa: A002 - the service calls it so
    ctx: Mapping[str, Any] | None = None,
) -> Reply:
    """Return 422 with a detail list."""
    item = model_error(type, message="The picture cannot be used.", ctx=ctx)
    return json_reply({"detail": [item]}, status=422, headers={"x-fal-retryable": "false"})


def validation_text() -> Reply:
    """Return 422 with a plain detail."""
    return json_reply({"detail": "Input should be a valid URL"}, status=422)


def rate_limited(*, retry_after_s: int = 1) -> Reply:
    """Return 429, to be tried again after *retry_after_s*."""
    headers = {"retry-after": str(retry_after_s), "x-fal-needs-retry": "1"}
    return json_reply({"detail": "Too many requests"}, status=429, headers=headers)


def server_error() -> Reply:
    """Return 500."""
    return json_reply({"detail": "Internal Server Error"}, status=500)


def nginx_502() -> Reply:
    """Return 502 with the page of a proxy."""
    return text_reply(NGINX_502, status=502)


def unavailable() -> Reply:
    """Return 503."""
    return json_reply({"detail": "Service Unavailable"}, status=503)


CANNED: Mapping[str, Callable[..., Reply]] = {
    make.__name__: make
    for make in (
        unauthorized,
        exhausted_balance,
        retired,
        missing,
        validation_list,
        validation_text,
        rate_limited,
        server_error,
        nginx_502,
        unavailable,
    )
}
"""Faults that are one fixed answer."""
