"""How fast pictures are taken in, and how much memory that takes."""

import http.client
import io
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image

from bench.api_process import ApiProcess, api_process

FILES = 25
_SIDE_PX = 1_825
_PIECE_BYTES = 262_144


def main() -> None:
    """Send 25 files of 10 MB in one request: of noise that is no picture, then of pictures."""
    print(f"{FILES} files of 10 MB in one multipart request; memory of the API process alone")
    with api_process() as server:
        _send(server, _picture()[: _PIECE_BYTES * 4], name="warming up")
        _send(server, bytes(10_000_000), name="no pictures")
        _send(server, _picture(), name="PNG, checked")


def _picture() -> bytes:
    """Draw noise, which compression makes no smaller: 10 MB as PNG."""
    noise = np.random.default_rng(1).integers(0, 256, (_SIDE_PX, _SIDE_PX, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


def _send(server: ApiProcess, file: bytes, *, name: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    pieces = list(_pieces(file))
    total_bytes = sum(map(len, pieces))
    server.reset_peak()
    before_bytes = server.memory_bytes()
    started_s = time.monotonic()
    connection.request(
        "POST",
        "/api/v1/jobs",
        body=iter(pieces),
        headers={
            "Content-Type": "multipart/form-data; boundary=edge",
            "Content-Length": str(total_bytes),
        },
    )
    sent_s = time.monotonic() - started_s
    reply = connection.getresponse()
    reply.read()
    answered_s = time.monotonic() - started_s
    assert reply.status == http.HTTPStatus.ACCEPTED, reply.status
    growth_bytes = server.peak_bytes() - before_bytes
    print(
        f"{name:12}: {total_bytes / 1e6:4.0f} MB at {total_bytes / 1e6 / sent_s:4.0f} MB/s, "
        f"answered after {answered_s:5.2f} s, memory grew by {growth_bytes / 1e6:5.1f} MB"
    )


def _pieces(file: bytes) -> Iterator[bytes]:
    for number in range(FILES):
        yield (
            f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{number}.png"'
            "\r\n\r\n"
        ).encode()
        for start in range(0, len(file), _PIECE_BYTES):
            yield file[start : start + _PIECE_BYTES]
        yield b"\r\n"
    yield b"--edge--\r\n"
