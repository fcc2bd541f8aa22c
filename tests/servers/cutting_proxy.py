"""A proxy that breaks connections off at a chosen moment."""

import socket
import threading
from contextlib import suppress
from typing import Self


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
    """

    def __init__(self, server: int) -> None:
        self.cut_after: bytes | None = None
        self.cuts = 0
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

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += [client, server]
                for way in ((client, server), (server, client)):
                    threading.Thread(target=self._hand_on, args=way, daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
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
        _end(source)
        _end(target)


def _end(used: socket.socket) -> None:
    with suppress(OSError):
        used.shutdown(socket.SHUT_RDWR)
    used.close()
