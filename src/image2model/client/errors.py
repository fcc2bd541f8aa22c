"""What a server's refusal becomes: the error that was raised there."""

from collections.abc import Mapping
from typing import Any

from image2model.core.errors import Image2ModelError, ServerAnswerUnknown, read_error


def error_of_answer(url: str, status: int, problem: Mapping[str, Any]) -> Image2ModelError:
    """
    Make the error that an answer tells of.

    Args:
        url: The server's address.
        status: The HTTP status.
        problem: The answer's body, a problem of RFC 9457; empty where it was something else.
    """
    code, message = str(problem.get("code", "")), str(problem.get("detail", ""))
    error = read_error(code=code, message=message, details=problem.get("details") or {})
    if error is not None:
        return error
    reason = message or "that is no answer of an image2model server. Check the address."
    return ServerAnswerUnknown(url=url, status=status, reason=reason)
