"""The web app: files that its build wrote, served beside the API."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from image2model.api.responses.compression import best_encoding, is_known

BUILT = Path(__file__).resolve().parents[2] / "webapp"
"""Where the build writes; absent in a checkout where nobody built it."""

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_ENCODINGS = {".br": "br", ".gz": "gzip"}
"""Compressed copies that the build puts beside each file, the smaller kind first."""

_INDEX = "/index.html"
_IMMUTABLE = "/_app/immutable/"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_API = "/api/"
_FROM_ROOT = re.compile(r"""(\b(?:href|src)="|\bimport\(")/(?!/)""")
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """
    One file, ready to be sent.

    Attributes:
        content: Its bytes by `Content-Encoding`; "": as they are.
        media_type: Its type.
        cache_control: How long a browser may use it without asking.
        etag: Changes with its bytes.
    """

    content: Mapping[str, bytes]
    media_type: str
    cache_control: str
    etag: str


def find_web_app() -> Path | None:
    """Find the built web app; None: there is none here."""
    return BUILT if (BUILT / "index.html").is_file() else None


class WebApp:
    """
    Answers what no route does: with a file of the app or, for the app's own addresses, its page.

    The files are read once, when it is made: an update in place reaches nobody half.

    Args:
        folder: What the build wrote.
        otherwise: Answers everything else.
        base_path: The path below which browsers find it; "": none.
    """

    def __init__(self, folder: Path, otherwise: ASGIApp, *, base_path: str = "") -> None:
        self._files = dict(read_files(folder))
        if base_path:
            self._files[_INDEX] = _moved(self._files[_INDEX], base_path)
        self._policy = page_policy(self._files[_INDEX].content[""])
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request that no route took."""
        path = scope["path"]
        if scope["type"] != "http" or (path + "/").startswith(_API):
            await self._otherwise(scope, receive, send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        if path not in self._files and "." in path.rpartition("/")[2]:
            # A file of another build: the page in its place would be a script that is no script.
            raise HTTPException(404)
        file = self._files.get(path, self._files[_INDEX])
        await self._answer(file, Headers(scope=scope))(scope, receive, send)

    def _answer(self, file: WebFile, asked: Headers) -> Response:
        headers = {
            "Cache-Control": file.cache_control,
            "ETag": file.etag,
            "Vary": "Accept-Encoding",
        }
        if file.media_type.startswith("text/html"):
            headers["Content-Security-Policy"] = self._policy
        if is_known(asked.get("if-none-match", ""), file.etag):
            return Response(status_code=304, headers=headers)
        offered = tuple(coding for coding in file.content if coding)
        encoding = best_encoding(asked.get("accept-encoding", ""), offered)
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(file.content[encoding], media_type=file.media_type, headers=headers)


def read_files(folder: Path) -> Mapping[str, WebFile]:
    """
    Read all files below *folder*.

    Returns:
        The files by their path in a URL, such as `/index.html`.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _MEDIA_TYPES:
            name = f"/{path.relative_to(folder).as_posix()}"
            found[name] = _read(path, immutable=name.startswith(_IMMUTABLE))
    return found


def _read(path: Path, *, immutable: bool) -> WebFile:
    plain = path.read_bytes()
    packed = {
        encoding: copy.read_bytes()
        for suffix, encoding in _ENCODINGS.items()
        if (copy := path.with_name(path.name + suffix)).is_file()
    }
    return WebFile(
        content={**packed, "": plain},
        media_type=_MEDIA_TYPES[path.suffix],
        cache_control=_FOR_EVER if immutable else _ASK_AGAIN,
        etag=_etag_of(plain),
    )


def _moved(index: WebFile, base_path: str) -> WebFile:
    """
    Have the page find its files, and itself, below *base_path*.

    It is the only file that names addresses from the root; scripts and styles name each other
    relative to themselves, and take the path from the page.
    """
    page = index.content[""].decode()
    page = _FROM_ROOT.sub(rf"\1{base_path}/", page)
    page = page.replace('base: ""', f'base: "{base_path}"')
    content = page.encode()
    return replace(index, content={"": content}, etag=_etag_of(content))


def _etag_of(content: bytes) -> str:
    # Weak: the same tag stands for the packed and the plain bytes.
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def page_policy(index: bytes) -> str:
    """
    Write the Content-Security-Policy of the page: this origin and its own inline scripts only.

    Args:
        index: The page; scripts written into it are allowed by their hash.
    """
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(index)
    ]
    scripts = " ".join(["'self'", *hashes])
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {scripts}",
            # Positions and sizes are set on elements; style sheets come from files alone.
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' blob: data:",
            # three.js reads a model's textures through blob: addresses.
            "connect-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
