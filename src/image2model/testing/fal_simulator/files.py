"""The simulated content network: uploaded pictures and result files, with their lifetimes."""

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """
    A file behind a URL.

    Attributes:
        path: Its path below the content network's URL.
        parts: Its content in pieces; pieces may be shared between files. None: a URL was handed
            out and nothing was uploaded to it yet.
        content_type: What it says of itself.
        expires_at: When it vanishes, in seconds since the epoch; None: never.
        access: "allow", "forbid" (403) or "hide" (404) for readers without a token.
        uploaded_parts: Pieces of an upload that is not complete.
    """

    path: str
    parts: Sequence[bytes] | None
    content_type: str
    expires_at: float | None = None
    access: str = "allow"
    uploaded_parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """The size of the content."""
        return sum(map(len, self.parts or ()))

    @property
    def alive(self) -> bool:
        """Whether there is something to download."""
        return self.parts is not None and (self.expires_at is None or time.time() < self.expires_at)


class FileStore:
    """
    Files by path, kept in memory until the simulator ends.

    Attributes:
        base_url: The content network's URL.
        tokens: Upload tokens that were issued.
    """

    def __init__(self) -> None:
        self.base_url = ""
        self.tokens: set[str] = set()
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, StoredFile] = {}

    def add(
        self,
        *,
        name: str,
        content_type: str,
        parts: Sequence[bytes] | None = None,
        lifecycle: Mapping[str, Any] | None = None,
    ) -> StoredFile:
        """Store *parts* under a new URL; None: only hand out the URL."""
        safe_name = re.sub(r"[^A-Za-z0-9._-]", "_", name) or "file"
        path = f"/files/b/{uuid.uuid4().hex}_{safe_name}"
        lifecycle = lifecycle or {}
        life_s = lifecycle.get("expiration_duration_seconds")
        acl = lifecycle.get("initial_acl") or {}
        stored = StoredFile(
            path=path,
            parts=parts,
            content_type=content_type,
            expires_at=None if life_s is None else time.time() + life_s,
            access=acl.get("default", "allow"),
        )
        self._files[path] = stored
        return stored

    def open_upload(self, stored: StoredFile) -> str:
        """Return a URL that the content of *stored* may be put to, by anybody who knows it."""
        upload_id = uuid.uuid4().hex
        self._uploads[upload_id] = stored
        return f"{self.base_url}/uploads/{upload_id}"

    def upload(self, upload_id: str) -> StoredFile | None:
        """Return what an upload URL was opened for; None: there is no such upload."""
        return self._uploads.get(upload_id)

    def url(self, stored: StoredFile) -> str:
        """Return the public URL of *stored*."""
        return self.base_url + stored.path

    def at_path(self, path: str) -> StoredFile | None:
        """Return the file at *path*, dead or alive; None: there never was one."""
        return self._files.get(path)

    def at_url(self, url: str) -> StoredFile | None:
        """Return the file behind *url*, dead or alive; None: it is not one of ours."""
        return self._files.get(url.removeprefix(self.base_url))

    def start_of(self, url: str) -> bytes | None:
        """
        Return the first bytes behind *url*; None: it is elsewhere and was not looked at.

        Raises:
            LookupError: It is ours and nothing is there, or it is no URL at all.
        """
        if url.startswith(self.base_url):
            stored = self.at_url(url)
            if stored is None or not stored.alive or not stored.parts:
                raise LookupError(url)
            return stored.parts[0][:32]
        if not url.startswith(("https://", "http://", "data:")):
            raise LookupError(url)
        return None

    def expire(self, url: str) -> bool:
        """Let *url* vanish now; False: there is no such file."""
        stored = self.at_url(url)
        if stored is not None:
            stored.expires_at = 0.0
        return stored is not None

    def expire_all(self) -> None:
        """Let every file vanish now."""
        for stored in self._files.values():
            stored.expires_at = 0.0


def read_lifecycle(headers: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the lifecycle that an upload or a submit asks for; empty: none, or not readable."""
    text = headers.get("x-fal-object-lifecycle") or headers.get(
        "x-fal-object-lifecycle-preference", ""
    )
    try:
        wanted = json.loads(text) if text else {}
    except ValueError:
        return {}
    return wanted if isinstance(wanted, dict) else {}
