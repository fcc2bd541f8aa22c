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


def _detail(status: int, text: str) -> Callable[[Mapping[str, Any]], Reply]:
    return lambda _options: json_reply({"detail": text}, status=status)


def _validation_list(options: Mapping[str, Any]) -> Reply:
    error_type = options.get("type", "image_too_small")
    item = model_error(error_type, message="The picture cannot be used.", ctx=options.get("ctx"))
    return json_reply({"detail": [item]}, status=422, headers={"x-fal-retryable": "false"})


def _rate_limited(options: Mapping[str, Any]) -> Reply:
    headers = {"retry-after": str(options.get("retry_after_s", 1)), "x-fal-needs-retry": "1"}
    return json_reply({"detail": "Too many requests"}, status=429, headers=headers)


def _missing(options: Mapping[str, Any]) -> Reply:
    return json_reply(NOT_FOUND, status=options.get("status", 404))


CANNED: Mapping[str, Callable[[Mapping[str, Any]], Reply]] = {
    "unauthorized": _detail(401, "Invalid API key"),
    "exhausted_balance": _detail(
        403, "User is locked. Reason: Exhausted balance. Top up your balance to continue."
    ),
    "retired": _detail(404, "Application not found"),
    "missing": _missing,
    "validation_list": _validation_list,
    "validation_text": _detail(422, "Input should be a valid URL"),
    "rate_limited": _rate_limited,
    "server_error": _detail(500, "Internal Server Error"),
    "unavailable": _detail(503, "Service Unavailable"),
    "nginx_502": lambda _options: text_reply(NGINX_502, status=502),
}
"""Faults that are one fixed answer; with the option `processed`, given after doing the work."""
