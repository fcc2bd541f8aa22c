"""A place for monitoring to read the numbers of a process that serves nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from image2model.core.errors import InvalidSetting
from image2model.ports.metrics import EXPOSITION_TYPE, Metrics


@contextmanager
def serve_metrics(metrics: Metrics, *, port: int) -> Iterator[None]:
    """
    Answer `GET /metrics` at *port* of every address, from a thread of its own.

    Raises:
        InvalidSetting: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = metrics.exposition() if self.path == "/metrics" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", EXPOSITION_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: it is asked every few seconds."""

    try:
        server = ThreadingHTTPServer(("", port), Handler)
    except OSError as error:
        raise InvalidSetting(
            setting="IMAGE2MODEL_WORKER_METRICS_PORT", reason=f"port {port}: {error.strerror}."
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
