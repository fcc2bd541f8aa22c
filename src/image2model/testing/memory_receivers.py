"""Receivers of webhooks in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from image2model.core.errors import FetchBroken, FetchRefused
from image2model.ports.webhooks import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a receiver was sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class MemoryReceivers:
    """
    A `Poster` whose receivers take everything unless they are told otherwise.

    Attributes:
        posted: What was sent, in its order.
        answers: What the receiver at a URL answers from now on; None: it does not answer.
    """

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.answers: dict[str, Answer | None] = {}

    def check_url(self, url: str) -> None:
        """Check what can be seen of *url* without asking anybody."""
        if not url.startswith("https://"):
            raise FetchRefused(host="?", reason="it is not https")

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, limit_s: float
    ) -> Answer:
        """Take *body*, and answer as told."""
        self.check_url(url)
        self.posted.append(Posted(url=url, headers=dict(headers), body=body))
        answer = self.answers.get(url, Answer(status=204))
        if answer is None:
            raise FetchBroken(host=url, reason=f"no answer in {limit_s:g} s")
        return answer
