"""The content network: uploads in one piece or in parts, and downloads."""

import hashlib
import re
from collections.abc import Sequence
from functools import partial

from image2model.testing.fal_simulator.apis.routes import Route
from image2model.testing.fal_simulator.exchange import Call, Reply, json_reply, refuse
from image2model.testing.fal_simulator.files import StoredFile, read_lifecycle
from image2model.testing.fal_simulator.ledger import Violation, key_of
from image2model.testing.fal_simulator.world import World


class CdnApi:
    """Speaks for the content network."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._files = world.files

    def find(self, method: str, segments: Sequence[str]) -> Route | None:
        """Return where a path of the content network leads."""
        match (method, *segments):
            case ("POST", "files", "upload"):
                return Route(operation="upload", handle=self._upload)
            case ("POST", "files", "upload", "multipart"):
                return Route(operation="initiate", handle=self._open_multipart)
            case ("PUT", "uploads", upload_id):
                return Route(operation="upload", handle=partial(self._put, upload_id))
            case ("GET" | "HEAD", "files", _, _):
                return Route(operation="download", handle=self._download)
            case (_, "uploads", upload_id, last) | (_, "files", _, _, "multipart", upload_id, last):
                return self._find_multipart(method, upload_id, last)
        return None

    def _find_multipart(self, method: str, upload_id: str, last: str) -> Route | None:
        if method == "PUT" and last.isdigit():
            handle = partial(self._put_part, upload_id, int(last))
            return Route(operation="upload_part", handle=handle)
        if method == "POST" and last == "complete":
            joined = partial(self._join_parts, upload_id)
            return Route(operation="upload_complete", handle=joined)
        return None

    def _has_token(self, call: Call) -> bool:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self._files.tokens

    def _reserve(self, call: Call, parts: Sequence[bytes] | None = None) -> StoredFile:
        if not self._has_token(call):
            raise refuse(401, {"detail": "Invalid token"})
        return self._files.add(
            name=call.headers.get("x-fal-file-name", "upload.bin"),
            content_type=call.headers.get("content-type", "application/octet-stream"),
            parts=parts,
            lifecycle=read_lifecycle(call.headers),
        )

    async def _upload(self, call: Call) -> Reply:
        stored = self._reserve(call, [await call.read()])
        return json_reply({"access_url": self._files.url(stored)})

    async def _open_multipart(self, call: Call) -> Reply:
        stored = self._reserve(call)
        upload_id = self._files.open_upload(stored).rpartition("/")[2]
        return json_reply({"access_url": self._files.url(stored), "uploadId": upload_id})

    async def _put(self, upload_id: str, call: Call) -> Reply:
        stored = self._uploaded_to(upload_id)
        stored.parts = [await call.read()]
        return Reply(status=200)

    async def _put_part(self, upload_id: str, number: int, call: Call) -> Reply:
        stored = self._uploaded_to(upload_id)
        part = stored.uploaded_parts[number] = await call.read()
        return Reply(status=200, headers={"etag": _etag(part)})

    async def _join_parts(self, upload_id: str, call: Call) -> Reply:
        stored = self._uploaded_to(upload_id)
        listed = await call.read_json()
        try:
            wanted = {part["partNumber"]: part["etag"] for part in listed["parts"]}
        except (TypeError, KeyError):
            raise refuse(400, {"detail": "Invalid list of parts"}) from None
        held = {number: _etag(part) for number, part in stored.uploaded_parts.items()}
        if wanted != held:
            raise refuse(400, {"detail": "The parts do not match what was uploaded"})
        stored.parts = [stored.uploaded_parts[number] for number in sorted(held)]
        return json_reply({"access_url": self._files.url(stored)})

    def _uploaded_to(self, upload_id: str) -> StoredFile:
        stored = self._files.upload(upload_id)
        if stored is None:
            raise refuse(404, {"detail": "There is no such upload"})
        return stored

    async def _download(self, call: Call) -> Reply:
        if key_of(call.headers):
            violation = Violation(what="key sent to the content network", path=call.path)
            self._world.ledger.violations.append(violation)
        stored = self._files.at_path(call.path.removeprefix("/cdn"))
        if stored is None or stored.parts is None:
            raise refuse(404, {"detail": "File not found"})
        if not stored.alive:
            status = self._world.behaviour.expired_file_status
            raise refuse(status, {"detail": "File expired"})
        if stored.access != "allow" and not self._has_token(call):
            raise refuse(403 if stored.access == "forbid" else 404, {"detail": "No access"})
        return _select(stored, call.headers.get("range", ""))


def _select(stored: StoredFile, wanted: str) -> Reply:
    """Return the whole file, or the one byte range *wanted* (RFC 9110, section 14)."""
    assert stored.parts is not None
    headers = {"content-type": stored.content_type, "accept-ranges": "bytes"}
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if match is None or match.group() == "bytes=-":
        return Reply(status=200, headers=headers, parts=stored.parts)
    size, first, last = stored.size_bytes, *match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        headers["content-range"] = f"bytes */{size}"
        return Reply(status=416, headers=headers)
    headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return Reply(status=206, headers=headers, parts=[b"".join(stored.parts)[start:end]])


def _etag(part: bytes) -> str:
    return f'"{hashlib.sha256(part).hexdigest()[:32]}"'
