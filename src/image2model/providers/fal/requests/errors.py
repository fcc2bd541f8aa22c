"""
Classify what fal answers, by its words and never by its prose.

A rule stands behind every line: what certainly was not accepted may be sent again by itself,
what may have been accepted never is. A 4xx answer to a submission is a refusal by the queue,
which decides before it stores anything; that includes 429. A 5xx answer is no such thing: a
gateway in front of the queue says 502 or 504 when it lost the queue's answer, and the queue says
500 or 503 at any point of its work. The official client sends again after such answers; here
they are looked up in the platform's list of requests instead, which costs nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from image2model.core.errors import (
    GeneratorRetired,
    Image2ModelError,
    JsonValue,
    PictureDamaged,
    PictureTypeUnsupported,
    ProviderAccountBlocked,
    ProviderRejected,
    ProviderUnavailable,
)
from image2model.providers.fal.requests.http import PROVIDER, Answer, as_object

_LONGEST_REASON = 300
_POLICY_WORDS = ("content", "policy", "safety", "nsfw", "moderat")
_NOT_AGAIN = frozenset({"client_disconnected", "client_cancelled", "bad_request"})
INFRASTRUCTURE = _NOT_AGAIN | {
    "request_timeout",
    "startup_timeout",
    "runner_scheduling_failure",
    "runner_connection_timeout",
    "runner_disconnected",
    "runner_connection_refused",
    "runner_connection_error",
    "runner_incomplete_response",
    "runner_server_error",
    "internal_error",
}
"""Types of errors that are not about the model or its input."""

_NOTHING_USD = Decimal(0)

_ADVICE: Mapping[str, str] = {
    "content_policy_violation": "its content filter does not accept the picture",
    "image_too_small": "the picture is too small",
    "image_too_large": "the picture has too many pixels",
    "file_too_large": "the picture's file is too large",
    "file_download_error": "it could not read the uploaded picture",
    "face_detection_error": "it finds no face in the picture",
    "no_media_generated": "nothing came out of this picture",
}
"""What people are told, by fal's type of error; other types are told in fal's own words."""


def refusal_of(answer: Answer, *, generator: str) -> Image2ModelError:
    """Tell what a 4xx answer to a submission, an upload or a look at the account means."""
    blocked = account_problem(answer)
    if blocked is not None:
        return blocked
    if answer.status == 404:
        return GeneratorRetired(provider=PROVIDER, generator=generator)
    if answer.is_passing:
        return ProviderUnavailable(
            provider=PROVIDER, reason="it is too busy", retry_after_s=answer.retry_after_s
        )
    return input_problem(answer)


def account_problem(answer: Answer) -> ProviderAccountBlocked | None:
    """Tell what is wrong with the account; None: nothing, as far as *answer* says."""
    detail = _text_of(answer.fields.get("detail"))
    if answer.status == 401:
        return ProviderAccountBlocked(
            provider=PROVIDER,
            reason="the API key is not accepted",
            advice="Check FAL_KEY; https://fal.ai/dashboard/keys lists your keys.",
        )
    filtered = any(word in detail.lower() for word in _POLICY_WORDS)
    if answer.status == 402 or (answer.status == 403 and not filtered):
        return ProviderAccountBlocked(
            provider=PROVIDER,
            reason=_shortened(detail).rstrip(" .") or "the account cannot be used",
            advice="Top up at https://fal.ai/dashboard/billing, then retry the failed items.",
        )
    return None


def input_problem(answer: Answer) -> Image2ModelError:
    """Tell what a model or the queue has against the input."""
    detail = answer.fields.get("detail")
    first = as_object(detail[0]) if isinstance(detail, list) and detail else {}
    kind = str(first.get("type") or answer.fields.get("error_type") or "")
    said = _text_of(first.get("msg") or detail)
    # What pydantic, which models there are checked with, puts before a check's own words.
    message = said.removeprefix("Value error, ") or f"HTTP {answer.status}"
    if kind == "image_load_error":
        return PictureDamaged(reason=f"{PROVIDER} cannot load it, {kind}")
    if kind == "unsupported_image_format":
        supported = as_object(first.get("ctx")).get("supported_formats")
        return PictureTypeUnsupported(type_name="Such", advice=_take(supported))
    reason = _ADVICE.get(kind) or message
    extent = _limits(as_object(first.get("ctx")))
    where = _field_of(first.get("loc"))
    parts = [reason, extent, f"at '{where}'" if where and kind not in _ADVICE else ""]
    told = _shortened(", ".join(part for part in parts if part))
    return ProviderRejected(provider=PROVIDER, reason=told, kind=kind or None)


class BrokeDown(Exception):
    """
    A request ended without a result and through no fault of its input.

    fal may have run it again by itself, under another id.

    Attributes:
        error: What to tell where it has not.
    """

    def __init__(self, error: Image2ModelError) -> None:
        super().__init__(error.message)
        self.error = error


def failure_of(
    answer: Answer, *, units: Decimal | None, cost_usd: Decimal | None
) -> Image2ModelError | BrokeDown:
    """
    Tell what the replayed answer of a model that failed means.

    Args:
        answer: The answer.
        units: What was charged for it, in the endpoint's units; None: that is not said.
        cost_usd: The same in US dollars; None: that is not known.
    """
    kind = str(answer.headers.get("x-fal-error-type") or answer.fields.get("error_type"))
    if kind in INFRASTRUCTURE:
        return infrastructure_failure(kind, _text_of(answer.fields.get("detail")))
    if answer.status < 500:
        return charged(input_problem(answer), cost_usd)
    if not units:
        cost_usd = _NOTHING_USD  # fal charges nothing for its own faults, where it does not say so.
    if units or _says_no_retry(answer):
        # What was charged is not sent again by itself, for it may be charged again.
        return BrokeDown(charged(input_problem(answer), cost_usd))
    reason = f"the model broke down (HTTP {answer.status})"
    return BrokeDown(charged(ProviderUnavailable(provider=PROVIDER, reason=reason), cost_usd))


def infrastructure_failure(kind: str, text: str) -> Image2ModelError | BrokeDown:
    """Tell what an `error_type` means; such requests are never charged."""
    reason = f"{_shortened(text) or 'the request was broken off'} ({kind})"
    if kind in _NOT_AGAIN:
        rejected = ProviderRejected(provider=PROVIDER, reason=reason, kind=kind)
        return charged(rejected, _NOTHING_USD)
    error = ProviderUnavailable(provider=PROVIDER, reason=reason)
    return BrokeDown(charged(error, _NOTHING_USD))


def charged(error: Image2ModelError, cost_usd: Decimal | None) -> Image2ModelError:
    """Note on *error* what fal charged for the request that failed so."""
    error.cost_usd = cost_usd
    return error


def _says_no_retry(answer: Answer) -> bool:
    return (
        answer.headers.get("x-fal-retryable", "").lower() == "false"
        or answer.headers.get("x-fal-needs-retry", "") == "0"
    )


def _text_of(detail: JsonValue) -> str:
    if isinstance(detail, list) and detail:
        detail = as_object(detail[0]).get("msg", "")
    return detail if isinstance(detail, str) else ""


def _limits(ctx: Mapping[str, JsonValue]) -> str:
    numbers = {name: value for name, value in ctx.items() if isinstance(value, int | float)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items())


def _take(formats: JsonValue) -> str:
    if isinstance(formats, Sequence) and formats and not isinstance(formats, str):
        return f"{PROVIDER} takes {', '.join(map(str, formats))}."
    return "Send a PNG or JPEG."


def _field_of(loc: JsonValue) -> str:
    return str(loc[-1]) if isinstance(loc, list) and loc else ""


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
