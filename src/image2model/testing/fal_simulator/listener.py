"""The TCP listener: an HTTP server whose connections can be refused and reset."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from image2model.testing.fal_simulator.exchange import TRANSPORT, reset_connection


class Listener:
    """
    Serves *app* over HTTP/1.1 on the running loop until `close`.

    Uvicorn's `Server` is not used: it takes over signals, wakes ten times a second and cannot
    stop listening for a while. Its HTTP protocol is, with the transport put within reach.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, admits: Callable[[], bool]) -> None:
        """
        Prepare to serve.

        Args:
            app: The application.
            host: Address to bind.
            port: Port to bind; 0: any free one.
            admits: Asked at each new connection; False resets it at once.
        """
        self._app = app
        self._host = host
        self._wanted_port = port
        self._admits = admits
        self._state = ServerState()
        self._place: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The bound port."""
        assert self._place is not None
        port: int = self._place.getsockname()[1]
        return port

    async def open(self) -> None:
        """Bind and listen."""
        # A bound socket that never listens keeps the port ours while connections are refused.
        self._place = self._bind(self._wanted_port)
        await self._listen()

    def refuse_connections(self, *, for_s: float) -> None:
        """Stop listening for *for_s* seconds and reset every open connection."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop_connections()
        self._reopening = asyncio.get_running_loop().call_later(for_s, self._reopen)

    def drop_connections(self) -> None:
        """Reset every open connection, with or without a request on it."""
        for connection in list(self._state.connections):
            reset_connection(connection.transport)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._reopening is not None:
            self._reopening.cancel()
        await asyncio.gather(*self._tasks)
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=2)
        if self._place is not None:
            self._place.close()

    def _bind(self, port: int) -> socket.socket:
        # asyncio switches Nagle's algorithm off only for sockets that name their protocol;
        # with it, each answer would wait 40 ms for a delayed acknowledgement.
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((self._host, port))
        bound.setblocking(False)
        return bound

    async def _listen(self) -> None:
        config = Config(
            self._app,
            http=HttpToolsProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
        )
        config.load()

        def create_protocol() -> asyncio.Protocol:
            return _Protocol(config, self._state, {}, admits=self._admits)

        self._server = await asyncio.get_running_loop().create_server(
            create_protocol, sock=self._bind(self.port), backlog=2048
        )

    def _reopen(self) -> None:
        self._reopening = None
        task = asyncio.ensure_future(self._listen())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Protocol(HttpToolsProtocol):
    """Uvicorn's protocol; the application can reach the transport through the scope."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        admits: Callable[[], bool],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._admits = admits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._admits():
            reset_connection(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}
