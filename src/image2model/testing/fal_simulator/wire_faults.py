"""Faults of one HTTP exchange: connections that break, answers that lie, answers that are late."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from image2model.testing.fal_simulator.canned import CANNED
from image2model.testing.fal_simulator.exchange import Call, Reply, json_reply

Proceed = Callable[[], Awaitable[Reply]]
"""Does what the request asks for and returns the honest answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A request that a rule has hit, and what can be done to it."""

    call: Call
    proceed: Proceed
    options: Mapping[str, Any]
    refuse_connections: Callable[[float], None]

    def option(self, name: str, default: Any) -> Any:
        """Return the rule's *name*, or *default*."""
        return self.options.get(name, default)


Action = Callable[[Hit], Awaitable[None]]


async def reset_unread(hit: Hit) -> None:
    """Reset the connection after the headers, without reading the body."""
    await hit.call.reset()


async def reset_before(hit: Hit) -> None:
    """Read the whole request, do nothing, reset."""
    await hit.call.read()
    await hit.call.reset()


async def reset_after(hit: Hit) -> None:
    """Do what was asked, then reset instead of answering."""
    await hit.proceed()
    await hit.call.reset()


async def reset_midway(hit: Hit) -> None:
    """Do what was asked, send half of the answer, reset."""
    reply = await hit.proceed()
    size = reply.size_bytes
    await hit.call.send_falsely(reply, claimed_bytes=size, sent_bytes=size // 2, reset=True)


async def refuse_connections(hit: Hit) -> None:
    """Do nothing; reset, and refuse every new connection for `for_s` seconds."""
    await hit.call.read()
    hit.refuse_connections(hit.option("for_s", 1.0))
    await hit.call.gone()


async def hang_before(hit: Hit) -> None:
    """Do nothing and never answer; the client has to give up."""
    await hit.call.read()
    await hit.call.gone()


async def hang_after(hit: Hit) -> None:
    """Do what was asked and never answer."""
    await hit.proceed()
    await hit.call.gone()


async def delay(hit: Hit) -> None:
    """Do what was asked and answer `for_s` seconds later."""
    reply = await hit.proceed()
    await hit.call.pause(hit.option("for_s", 1.0))
    await hit.call.send(reply)


async def reply(hit: Hit) -> None:
    """Answer `status` with `json` or `text`; with `processed`, do what was asked first."""
    headers = dict(hit.option("headers", {}))
    text = hit.option("text", None)
    status = hit.option("status", 500)
    if text is None:
        await _answer(hit, json_reply(hit.option("json", {}), status=status, headers=headers))
    else:
        headers = {"content-type": "text/plain", **headers}
        await _answer(hit, Reply(status=status, headers=headers, parts=[text.encode()]))


async def bad_json(hit: Hit) -> None:
    """Do what was asked and answer with JSON cut in the middle."""
    honest = await hit.proceed()
    body = b"".join(honest.parts)
    await hit.call.send(replace(honest, parts=[body[: len(body) // 2]]))


async def unknown_fields(hit: Hit) -> None:
    """Do what was asked; the answer has fields nobody has heard of, and a null one."""
    honest = await hit.proceed()
    data = json.loads(b"".join(honest.parts))
    data |= {"gateway_request_id": "0", "x_new": {"nested": [1, None]}, "logs": None}
    await hit.call.send(json_reply(data, status=honest.status, headers=honest.headers))


async def cut_short(hit: Hit) -> None:
    """Promise the whole body, send the part `fraction` of it, close."""
    honest = await hit.proceed()
    size = honest.size_bytes
    sent = int(size * hit.option("fraction", 0.5))
    await hit.call.send_falsely(honest, claimed_bytes=size, sent_bytes=sent)


async def wrong_length(hit: Hit) -> None:
    """Claim a Content-Length that is off by `by_bytes`, send everything, close."""
    honest = await hit.proceed()
    size = honest.size_bytes
    claimed = max(0, size + hit.option("by_bytes", 100))
    await hit.call.send_falsely(honest, claimed_bytes=claimed, sent_bytes=size)


async def wrong_type(hit: Hit) -> None:
    """Send the right bytes under `content_type`."""
    honest = await hit.proceed()
    lie = hit.option("content_type", "image/png")
    await hit.call.send(replace(honest, headers={**honest.headers, "content-type": lie}))


async def redirect(hit: Hit) -> None:
    """Send the client to `to`, by default the same path under another host name."""
    host, _, port = hit.call.headers.get("host", "").partition(":")
    other = "localhost" if host != "localhost" else "127.0.0.1"
    target = hit.option("to", f"http://{other}:{port}{hit.call.path}")
    status = hit.option("status", 302)
    await hit.call.send(Reply(status=status, headers={"location": target}))


async def slow_body(hit: Hit) -> None:
    """Send the body at `bytes_per_s`."""
    honest = await hit.proceed()
    await hit.call.send_slowly(honest, bytes_per_s=hit.option("bytes_per_s", 10_000))


async def _answer(hit: Hit, lie: Reply) -> None:
    await (hit.proceed() if hit.option("processed", False) else hit.call.read())
    await hit.call.send(lie)


def _canned(name: str) -> Action:
    async def answer(hit: Hit) -> None:
        await _answer(hit, CANNED[name](hit.options))

    return answer


WIRE_ACTIONS: Mapping[str, Action] = {
    **{
        action.__name__: action
        for action in (
            reset_unread,
            reset_before,
            reset_after,
            reset_midway,
            refuse_connections,
            hang_before,
            hang_after,
            delay,
            reply,
            bad_json,
            unknown_fields,
            cut_short,
            wrong_length,
            wrong_type,
            redirect,
            slow_body,
        )
    },
    **{name: _canned(name) for name in CANNED},
}
"""Faults that fit every operation that is a request."""
