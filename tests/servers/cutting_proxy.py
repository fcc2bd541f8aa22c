"""A proxy that breaks connections off at a chosen moment."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class _Held:
    """A connection over which nothing goes any more, and what its client has sent last."""

    client: socket.socket
    server: socket.socket
    sent: bytes


class CuttingProxy:
    """
    Stands before a server on this machine and hands everything through, both ways.

    Args:
        server: The server's port.

    Attributes:
        port: Its own.
        cut_after: Once a client has sent this, the server still gets it, but the connection ends
            before the answer; None: never. Forgotten after one cut.
        cuts: How many connections it has broken off.
        hold: Once a client has sent this, the server does not get it, and both ends are left to
            themselves; None: never. Forgotten after one connection.
        held: Set when that has come about.
    """

    def __init__(self, server: int) -> None:
        self.cut_after: bytes | None = None
        self.cuts = 0
        self.hold: bytes | None = None
        self.held = threading.Event()
        self._held: _Held | None = None
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for used in (self._listener, *self._sockets):
            _end(used)

    def cut_held(self) -> None:
        """End the client's side of the connection that is held."""
        assert self._held is not None
        _end(self._held.client)

    def drop_held(self) -> None:
        """End the server's side of the connection that is held."""
        assert self._held is not None
        _end(self._held.server)

    def hand_on_held(self) -> None:
        """Let the server have what was kept back."""
        assert self._held is not None
        self._held.server.sendall(self._held.sent)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                try:
                    server = socket.create_connection(("127.0.0.1", self._server))
                except ConnectionRefusedError:
                    _end(client)
                    continue
                self._sockets.append(server)
                for way in ((client, server), (server, client)):
                    threading.Thread(target=self._hand_on, args=way, daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.hold is not None and self.hold in data:
                    self.hold = None
                    self._held = _Held(client=source, server=target, sent=data)
                    self.held.set()
                    return
                cuts = self.cut_after is not None and self.cut_after in data
                if cuts:
                    self.cut_after = None
                    self.cuts += 1
                    _end(source)
                target.sendall(data)
                if cuts:
                    # The server does what it was told, and learns only then that nobody listens.
                    target.recv(1)
                    break
        if self._held is not None and source is self._held.server:
            return
        _end(source)
        _end(target)


def _end(used: socket.socket) -> None:
    with suppress(OSError):
        used.shutdown(socket.SHUT_RDWR)
    used.close()
