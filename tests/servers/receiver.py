"""A receiver of webhooks on a free loopback port, in a thread of its own."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.harness.patience import PATIENCE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """
    Takes whatever is posted to it.

    Attributes:
        received: What came, in its order.
        statuses: What the next requests are answered, one after the other; then 204.
        answer: The body of every answer that may have one.
        headers: Further headers of every answer.
        open: While it is not set, nothing is answered.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.answer = b""
        self.headers: dict[str, str] = {}
        self.open = threading.Event()
        self.open.set()
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver._note(Received(path=self.path, headers=headers, body=body))
                receiver.open.wait(PATIENCE_S)
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                try:
                    self.send_response(status)
                    self.send_header("content-length", str(len(receiver.answer)))
                    self.send_header("location", f"{receiver.url}/elsewhere")
                    for name, value in receiver.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if status != 204:
                        self.wfile.write(receiver.answer)
                except OSError:
                    pass  # Whoever asked waits no more.

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    def until(self, count: int) -> list[Received]:
        """Wait until *count* requests have come, and return all that came."""
        with self._came:
            came = self._came.wait_for(lambda: len(self.received) >= count, PATIENCE_S)
            assert came, f"only {len(self.received)} of {count} requests came"
            return list(self.received)

    def _note(self, request: Received) -> None:
        with self._came:
            self.received.append(request)
            self._came.notify_all()
