"""Run the API with uvicorn so that open streams never hold up its end."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from fastapi import FastAPI

from image2model.api.hub import Hub
from image2model.api.parts import Parts
from image2model.core.errors import InvalidSetting

_LONGEST_GOODBYE_S = 5
"""Requests that are still under way this long after the signal are cut off."""

_IDLE_S = 30
"""How long an unused connection is kept, for the next request of the same client."""


async def serve_api(
    api: FastAPI,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None] | None = None,
    behind_proxy: bool = False,
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
        behind_proxy: Believe X-Forwarded-Proto and X-Forwarded-For, whoever sends them.

    Raises:
        InvalidSetting: Nothing can be bound at that address and port.
    """
    parts = api.state.parts
    assert isinstance(parts, Parts)
    config = uvicorn.Config(
        api,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=behind_proxy,
        forwarded_allow_ips="*",
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_LONGEST_GOODBYE_S,
    )
    with _listen(host, port) as listener:
        url = _url(host, listener)
        server = ApiServer(config, parts.hub, on_ready=lambda: on_ready and on_ready(url))
        try:
            await server.serve(sockets=[listener])
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await server.shutdown([listener])
            raise


class ApiServer(uvicorn.Server):
    """A server that ends *hub*'s streams before it waits for connections to end."""

    def __init__(self, config: uvicorn.Config, hub: Hub, *, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._hub = hub
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self._on_ready()

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
