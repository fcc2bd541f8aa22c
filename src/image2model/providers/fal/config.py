"""The settings of the provider, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from image2model.core.errors import InvalidSetting
from image2model.core.text.hosts import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    How often fal is asked, and how long things are waited for; all in seconds.

    Attributes:
        shortest_s: Between two status requests of one item.
        longest_s: The same, for items that have run for long.
        share: Between two status requests, as a share of the time the item has taken so far:
            an answer comes at most this much late.
        requests_per_s: Status requests of all items together; more items are asked less often.
        lag_s: How long a request may be unknown after its submission.
        first_retry_s: Before a free request is made again; doubles with every try.
        patience_s: How long free requests are tried again before the item waits for later.
        list_lag_s: How far the platform's list of requests may be behind.
        reserved_s: How long a place is kept for an item between two steps.
        ahead_s: How long submissions wait for the first one to an endpoint to be answered.
        stop_s: How long a cancelled request may take to end.
        submit_s: How long the answer to a submission is waited for.
        answer_s: The same for any other request.
    """

    shortest_s: float = 0.25
    longest_s: float = 5.0
    share: float = 0.07
    requests_per_s: float = 380.0
    lag_s: float = 30.0
    first_retry_s: float = 0.5
    patience_s: float = 60.0
    list_lag_s: float = 10.0
    reserved_s: float = 5.0
    ahead_s: float = 3.0
    stop_s: float = 15.0
    submit_s: float = 60.0
    answer_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FalConfig:
    """
    What the provider needs to know.

    Attributes:
        key: The API key; None: there is none, and nothing can be submitted.
        queue_url: Queue, without a slash at its end, as all four.
        rest_url: Upload tokens.
        cdn_url: Uploads.
        api_url: Platform API.
        concurrency: Requests in progress at once; None: find out what the account may.
        start_limit_s: The longest a request may wait in fal's queue, in seconds.
        limit_s: The longest a request may take in all, in seconds.
        file_life_s: How long fal is asked to keep the files it makes; None: as the account says.
        picture_life_s: The same for the pictures it is given.
        webhook_url: Where fal shall tell us that a request has ended, followed by a slash and the
            submit key; None: nowhere.
        pace: How often fal is asked.
    """

    key: str | None = field(default=None, repr=False)
    queue_url: str = "https://queue.fal.run"
    rest_url: str = "https://rest.fal.ai"
    cdn_url: str = "https://v3.fal.media"
    api_url: str = "https://api.fal.ai/v1"
    concurrency: int | None = 2
    start_limit_s: float = 300.0
    limit_s: float = 1_800.0
    file_life_s: float | None = 604_800.0
    picture_life_s: float = 86_400.0
    webhook_url: str | None = None
    pace: Pace = Pace()


WITH_WEBHOOKS = Pace(shortest_s=1.0, longest_s=30.0, share=0.2)
"""Where fal tells us of the end, asking is for the progress until then, and a safeguard."""


def read_config(given: Mapping[str, str]) -> FalConfig:
    """
    Read the provider's settings.

    Raises:
        InvalidSetting: One cannot work.
    """
    default = FalConfig()
    concurrency = given.get("concurrency", str(default.concurrency))
    life_s = given.get("file_life_s")
    webhook_url = given.get("webhook_url") or None
    return FalConfig(
        key=given.get("key") or None,
        queue_url=_url(given, "queue_url", default.queue_url),
        rest_url=_url(given, "rest_url", default.rest_url),
        cdn_url=_url(given, "cdn_url", default.cdn_url),
        api_url=_url(given, "api_url", default.api_url),
        concurrency=None if concurrency == "auto" else int(concurrency),
        start_limit_s=float(given.get("start_limit_s", default.start_limit_s)),
        limit_s=float(given.get("limit_s", default.limit_s)),
        file_life_s=float(life_s) if life_s else None,
        webhook_url=webhook_url,
        pace=WITH_WEBHOOKS if webhook_url else default.pace,
    )


def _url(given: Mapping[str, str], name: str, default: str) -> str:
    url = given.get(name, default).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return url
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return url
    raise InvalidSetting(
        setting=f"IMAGE2MODEL_FAL__{name.upper()}",
        reason="must be an https URL; plain http is accepted for loopback only, for the key "
        "travels along.",
    )
