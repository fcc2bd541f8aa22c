"""HTTP to one server: credentials, lost answers, refusals, downloads."""

import filecmp
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
from pydantic import BaseModel, ValidationError

from image2model.client.errors import error_of_answer
from image2model.client.events import Event, parse_events
from image2model.core.errors import ServerUnreachable
from image2model.core.text.names import numbered_names
from image2model.wire.admin import AuditList, OwnedJobList
from image2model.wire.jobs import JobList
from image2model.wire.ledger import LedgerList
from image2model.wire.paths import API_PREFIX
from image2model.wire.webhooks import DeliveryList

Model = TypeVar("Model", bound=BaseModel)
Page = TypeVar("Page", JobList, LedgerList, DeliveryList, OwnedJobList, AuditList)

_QUIET_S = 40.0
"""The server says something every 15 s; silence beyond this means the connection is dead."""

_UPLOADS = 3
"""How often an upload is sent when the answer to it is lost on the way."""

_AGAIN_AFTER_S = 1.0
_SESSION_COOKIES = (
    "image2model_session",
    "__Host-image2model_session",
    "__Secure-image2model_session",
)
"""Over plain http, over https, and over https below a path."""


class Connection:
    """
    Sends requests to the server at *url*, and nothing secret to anybody else.

    Every method raises ServerUnreachable where no server answers, and what the server refuses as
    the error it raised.

    Attributes:
        url: The server's address, without a slash at its end.
        session: The secret of the session that our jobs belong to; None: none has begun.
    """

    def __init__(
        self, url: str, *, api_key: str | None, session: str | None, timeout_s: float
    ) -> None:
        self.url = url.rstrip("/")
        self.session = session
        self._stream_timeout = httpx2.Timeout(timeout_s, read=_QUIET_S)
        self._http = httpx2.Client(
            base_url=self.url + API_PREFIX,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout_s,
            event_hooks={"response": [self._remember_session]},
        )
        self._offer_session()

    def close(self) -> None:
        """Let go of the connections. May be called twice."""
        self._http.close()

    def send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Send a request whose answer matters only when it is a refusal."""
        with self._reaching():
            reply = self._http.request(method, path, **request)
        self._raise_for(reply)
        return reply

    def ask(self, kind: type[Model], method: str, path: str, **request: Any) -> Model:
        """
        Send a request and read the answer as *kind*.

        Raises:
            ServerAnswerUnknown: It is something else.
        """
        reply = self.send(method, path, **request)
        try:
            return kind.model_validate_json(reply.content)
        except ValidationError as error:
            raise error_of_answer(self.url, reply.status_code, {}) from error

    def pages(self, kind: type[Page], path: str, query: Mapping[str, str]) -> Iterator[Page]:
        """Read a list page by page, each when it is asked for."""
        asked = dict(query)
        while True:
            page = self.ask(kind, "GET", path, params=asked)
            yield page
            if page.next is None:
                return
            asked["cursor"] = page.next

    def upload(
        self,
        kind: type[Model],
        path: str,
        files: Sequence[tuple[str, Path]],
        fields: Mapping[str, str],
        *,
        key: str,
    ) -> Model:
        """
        Post a form with *fields* and *files*; again, with the same *key*, if the answer is lost.

        Each file comes with the name of its field.

        Raises:
            OSError: A file cannot be read.
        """
        for left in reversed(range(_UPLOADS)):
            try:
                return self._upload(kind, path, files, fields, key=key)
            except ServerUnreachable as error:
                if not left or isinstance(error.__cause__, httpx2.ConnectError):
                    raise
                time.sleep(_AGAIN_AFTER_S)
        raise AssertionError("the last upload returns or raises")

    def _upload(
        self,
        kind: type[Model],
        path: str,
        files: Sequence[tuple[str, Path]],
        fields: Mapping[str, str],
        *,
        key: str,
    ) -> Model:
        with ExitStack() as stack:
            parts = [
                (field, (file.name, stack.enter_context(file.open("rb")))) for field, file in files
            ]
            headers = {"Idempotency-Key": key}
            return self.ask(kind, "POST", path, data=dict(fields), files=parts, headers=headers)

    def events(self, path: str, *, after: int | None) -> Iterator[Event]:
        """Yield server-sent events until the stream ends or breaks; None: from the beginning."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        with (
            self._reaching(),
            self._http.stream("GET", path, headers=headers, timeout=self._stream_timeout) as reply,
        ):
            self._raise_for(reply)
            yield from parse_events(reply.iter_lines())

    def save(self, url: str, path: Path, *, overwrite: bool = False) -> Path:
        """
        Download what is at *url* on the server to the file *path*, whole or not at all.

        Returns:
            The path; another one, with a number, where a file is that has other content and is
            not to be overwritten.

        Raises:
            OSError: It cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name.lstrip('.')}.{uuid4().hex}.part")
        try:
            with self._reaching(), self._read(url) as reply, part.open("wb") as out:
                out.writelines(reply.iter_bytes())
            return _place(part, path, overwrite=overwrite)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _read(self, url: str) -> Iterator[httpx2.Response]:
        with self._http.stream("GET", self.url + url) as reply:
            if not reply.has_redirect_location:
                self._raise_for(reply)
                yield reply
                return
        # Only the provider has it; it is asked without our key and session.
        with httpx2.stream("GET", reply.headers["Location"], follow_redirects=True) as elsewhere:
            self._raise_for(elsewhere)
            yield elsewhere

    def _remember_session(self, reply: httpx2.Response) -> None:
        for name in _SESSION_COOKIES:
            self.session = reply.cookies.get(name, self.session)
        self._offer_session()

    def _offer_session(self) -> None:
        # Always one, and of no host: the cookie jar would keep an old one beside a new one.
        self._http.cookies.clear()
        if self.session is not None:
            self._http.cookies.update(dict.fromkeys(_SESSION_COOKIES, self.session))

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(url=self.url, reason=reason) from error

    def _raise_for(self, reply: httpx2.Response) -> None:
        if reply.is_success:
            return
        try:
            body = reply.json() if reply.read() else None
        except ValueError:
            body = None
        problem = body if isinstance(body, dict) else {}
        raise error_of_answer(self.url, reply.status_code, problem)


def _place(part: Path, path: Path, *, overwrite: bool) -> Path:
    """Give *part* the name *path*, or the first with a number that no other file has."""
    for name in numbered_names(path.name):
        target = path.with_name(name)
        if not os.path.lexists(target):
            part.replace(target)
            return target
        if target.is_file():
            if filecmp.cmp(part, target, shallow=False):
                return target
            if overwrite:
                part.replace(target)
                return target
    raise AssertionError("numbers do not end")
