"""Make requests that cost nothing, again and again until they are answered."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import anyio

from image2model.core.errors import ProviderUnavailable
from image2model.providers.fal.config import Pace
from image2model.providers.fal.requests.errors import account_problem
from image2model.providers.fal.requests.http import PROVIDER, Answer, AnswerLost, FalHttp, NotSent

_LONGEST_WAIT_S = 15.0


def waits_s(pace: Pace) -> Iterator[float]:
    """Yield how long to wait before each further try, in seconds: doubling, up to 15 s."""
    wait_s = pace.first_retry_s
    while True:
        yield wait_s * random.uniform(0.75, 1.25)  # noqa: S311 - spreads requests, keeps no secret
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


async def ask(
    http: FalHttp,
    pace: Pace,
    method: str,
    url: str,
    *,
    patience_s: float | None = None,
    is_final: Callable[[Answer], bool] = lambda answer: not answer.is_passing,
    **more: Any,
) -> Answer:
    """
    Make a request that may be repeated until it is answered by other than a passing fault.

    Args:
        http: The client.
        pace: How long to wait between tries.
        method: The HTTP method.
        url: As for `FalHttp.send`.
        patience_s: How long to try, in seconds; None: as *pace* says.
        is_final: Tells an answer to return from one to ask again after.
        more: As for `FalHttp.send`.

    Returns:
        A final answer; it may still be an error.

    Raises:
        ProviderUnavailable: There was none in that time.
        ProviderAccountBlocked: The key is not accepted, or there is none.
    """
    give_up_at_s = anyio.current_time() + (pace.patience_s if patience_s is None else patience_s)
    reason = ""
    for wait_s in waits_s(pace):
        asked_s = wait_s
        try:
            answer = await http.send(method, url, **more)
        except (NotSent, AnswerLost) as error:
            reason = str(error)
        else:
            if is_final(answer):
                if more.get("keyed", True):
                    _check_key(answer)
                return answer
            reason = f"it answers {answer.status}"
            asked_s = max(wait_s, answer.retry_after_s or 0.0)
        if anyio.current_time() + asked_s > give_up_at_s:
            break
        await anyio.sleep(asked_s)
    raise ProviderUnavailable(provider=PROVIDER, reason=reason)


def _check_key(answer: Answer) -> None:
    blocked = account_problem(answer) if answer.status == 401 else None
    if blocked is not None:
        raise blocked
