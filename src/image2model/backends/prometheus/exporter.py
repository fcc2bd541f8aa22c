"""A place for monitoring to read the numbers of a process that serves nothing else."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from image2model.core.errors import InvalidSetting
from image2model.ports.metrics import EXPOSITION_TYPE, Metrics

_LONGEST_SILENCE_S = 10.0


@contextmanager
def serve_metrics(
    metrics: Metrics,
    *,
    port: int,
    host: str = "",
    setting: str = "IMAGE2MODEL_WORKER_METRICS_PORT",
) -> Iterator[None]:
    """
    Answer `GET /metrics` from a thread of its own.

    Args:
        metrics: What is told.
        port: The TCP port.
        host: The address to bind; "": every one.
        setting: Where the port is set.

    Raises:
        InvalidSetting: The port is taken, or the address is not this machine's.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _LONGEST_SILENCE_S

        def do_GET(self) -> None:
            body = metrics.exposition() if self.path == "/metrics" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", EXPOSITION_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: it is asked every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        server = Server((host, port), Handler)
    except OSError as error:
        reason = f"port {port}: {error.strerror}."
        raise InvalidSetting(setting=setting, reason=reason) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
