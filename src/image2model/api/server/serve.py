"""Run the API with uvicorn so that open streams never hold up its end."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI

from image2model.api.dependencies import Parts
from image2model.api.server.connections import LOOK_EVERY_S, Edge, EdgeLimits
from image2model.api.server.protocol import EdgeProtocol
from image2model.core.errors import InvalidSetting

_LONGEST_GOODBYE_S = 5
"""Requests that are still under way this long after the signal are cut off."""

_TICKS_S = 0.1
"""How often uvicorn calls `on_tick`."""


async def serve_api(
    api: FastAPI,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None] | None = None,
    limits: EdgeLimits | None = None,
) -> None:
    """
    Serve *api* until SIGTERM or SIGINT; cancelling has the same effect.

    Streams and long polls end at once then; uploads and downloads have five seconds. The signal
    ends here: the caller goes on, to give back leases and close stores.

    Args:
        api: What `create_api` made.
        host: The address to bind.
        port: The TCP port; 0: any free one.
        on_ready: Called with the URL, such as `http://127.0.0.1:8000`, as soon as it answers.
        limits: What connections may take; None: as by default.

    Raises:
        InvalidSetting: Nothing can be bound at that address and port.
    """
    parts = api.state.parts
    assert isinstance(parts, Parts)
    edge = Edge(limits or EdgeLimits(), many_behind=parts.proxies.may_be_many)
    protocol: Any = partial(EdgeProtocol, edge)
    config = uvicorn.Config(
        api,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `ForwardedHeaders` reads them.
        timeout_keep_alive=edge.limits.keep_alive_s,
        timeout_graceful_shutdown=_LONGEST_GOODBYE_S,
    )
    with _listen(host, port) as listener:
        url = _url(host, listener)
        server = ApiServer(config, parts, edge, on_ready=lambda: on_ready and on_ready(url))
        try:
            await server.serve(sockets=[listener])
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await server.shutdown([listener])
            raise


class ApiServer(uvicorn.Server):
    """A server that ends streams before it waits for connections to end, and slow ones sooner."""

    def __init__(
        self, config: uvicorn.Config, parts: Parts, edge: Edge, *, on_ready: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._hub = parts.hub
        self._edge = edge
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Do what is to be done now and then; returns whether to end."""
        if counter % round(LOOK_EVERY_S / _TICKS_S) == 0:
            self._edge.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what has no end of its own, then wait for the rest."""
        await self._hub.aclose()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear signals while serving, and keep them from the process afterwards."""
        with super().capture_signals():
            yield
            # They would be raised again now and end the process before its caller is done.
            self._captured_signals.clear()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Another address would do: this one is of another machine, or the name of none.
        of_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        setting, other = ("HOST", "127.0.0.1") if of_host else ("PORT", "8001")
        reason = (error.strerror or str(error)).rstrip(".")
        raise InvalidSetting(
            setting=f"IMAGE2MODEL_SERVE__{setting}",
            reason=f"cannot listen on {host}, port {port}: {reason}. Example: "
            f"IMAGE2MODEL_SERVE__{setting}={other}",
        ) from error


def _url(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"
