"""Faults of one HTTP exchange: connections that break, answers that lie, answers that are late."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from json import loads
from typing import Any

from image2model.testing.fal_simulator.exchange import Call, Reply, json_reply
from image2model.testing.fal_simulator.faults.canned import CANNED

Proceed = Callable[[], Awaitable[Reply]]
"""Does what the request asks for and returns the honest answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A request that a rule has hit, and what can be done to it."""

    call: Call
    proceed: Proceed
    refuse_connections: Callable[[float], None]


Action = Callable[..., Awaitable[None]]
"""Does something to a hit; what it needs to know comes as keywords."""


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


async def refuse_connections(hit: Hit, *, for_s: float = 1.0) -> None:
    """Do nothing; reset, and refuse every new connection for *for_s* seconds."""
    await hit.call.read()
    hit.refuse_connections(for_s)
    await hit.call.gone()


async def hang_before(hit: Hit) -> None:
    """Do nothing and never answer; the client has to give up."""
    await hit.call.read()
    await hit.call.gone()


async def hang_after(hit: Hit) -> None:
    """Do what was asked and never answer."""
    await hit.proceed()
    await hit.call.gone()


async def delay(hit: Hit, *, for_s: float = 1.0) -> None:
    """Do what was asked and answer *for_s* seconds later."""
    reply = await hit.proceed()
    await hit.call.pause(for_s)
    await hit.call.send(reply)


async def reply(
    hit: Hit,
    *,
    status: int = 500,
    json: Any = None,
    text: str | None = None,
    headers: Mapping[str, str] | None = None,
    processed: bool = False,
) -> None:
    """Answer *status* with *json* or *text*; with *processed*, do what was asked first."""
    if text is None:
        lie = json_reply(json, status=status, headers=headers)
    else:
        more = {"content-type": "text/plain", **(headers or {})}
        lie = Reply(status=status, headers=more, parts=[text.encode()])
    await _answer(hit, lie, processed=processed)


async def bad_json(hit: Hit) -> None:
    """Do what was asked and answer with JSON cut in the middle."""
    honest = await hit.proceed()
    body = b"".join(honest.parts)
    await hit.call.send(replace(honest, parts=[body[: len(body) // 2]]))


async def unknown_fields(hit: Hit) -> None:
    """Do what was asked; the answer has fields nobody has heard of, and a null one."""
    honest = await hit.proceed()
    data = loads(b"".join(honest.parts))
    data |= {"gateway_request_id": "0", "x_new": {"nested": [1, None]}, "logs": None}
    await hit.call.send(json_reply(data, status=honest.status, headers=honest.headers))


async def cut_short(hit: Hit, *, fraction: float = 0.5) -> None:
    """Promise the whole body, send the part *fraction* of it, close."""
    honest = await hit.proceed()
    size = honest.size_bytes
    sent = int(size * fraction)
    await hit.call.send_falsely(honest, claimed_bytes=size, sent_bytes=sent)


async def wrong_length(hit: Hit, *, by_bytes: int = 100) -> None:
    """Claim a Content-Length that is off by *by_bytes*, send everything, close."""
    honest = await hit.proceed()
    size = honest.size_bytes
    claimed = max(0, size + by_bytes)
    await hit.call.send_falsely(honest, claimed_bytes=claimed, sent_bytes=size)


async def wrong_type(hit: Hit, *, content_type: str = "image/png") -> None:
    """Send the right bytes under *content_type*."""
    honest = await hit.proceed()
    await hit.call.send(replace(honest, headers={**honest.headers, "content-type": content_type}))


async def redirect(hit: Hit, *, to: str = "", status: int = 302) -> None:
    """Send the client to *to*, by default the same path under another host name."""
    host, _, port = hit.call.headers.get("host", "").partition(":")
    other = "localhost" if host != "localhost" else "127.0.0.1"
    target = to or f"http://{other}:{port}{hit.call.path}"
    await hit.call.send(Reply(status=status, headers={"location": target}))


async def slow_body(hit: Hit, *, bytes_per_s: float = 10_000.0) -> None:
    """Send the body at *bytes_per_s*."""
    honest = await hit.proceed()
    await hit.call.send_slowly(honest, bytes_per_s=bytes_per_s)


async def answer_canned(
    make: Callable[..., Reply], hit: Hit, *, processed: bool = False, **options: Any
) -> None:
    """Give a known wrong answer; with *processed*, do what was asked first."""
    await _answer(hit, make(**options), processed=processed)


async def _answer(hit: Hit, lie: Reply, *, processed: bool) -> None:
    await (hit.proceed() if processed else hit.call.read())
    await hit.call.send(lie)


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
    **{name: partial(answer_canned, make) for name, make in CANNED.items()},
}
"""Faults that fit every operation that is a request."""
