"""Read a multipart/form-data body part by part, straight from the socket (RFC 7578)."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from image2model.core.errors import InvalidRequest, UploadTooLarge

_FIELD_BYTES = 100_000


class Part:
    """
    One part, to be read before the next one is asked for; what is left of it is skipped.

    Attributes:
        name: Of the form's field.
        file_name: As the sender calls the file, or None: it is no file.
    """

    def __init__(self, name: str, file_name: str | None, chunks: AsyncIterator[bytes]) -> None:
        self.name = name
        self.file_name = file_name
        self.chunks = chunks

    async def text(self) -> str:
        """
        Read all of it as text.

        Raises:
            UploadTooLarge: It is larger than any field has to be.
            InvalidRequest: It is not UTF-8.
        """
        content = bytearray()
        async for chunk in self.chunks:
            content += chunk
            if len(content) > _FIELD_BYTES:
                raise UploadTooLarge(limit_bytes=_FIELD_BYTES)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(field=self.name, reason="is not UTF-8 text.") from error


@dataclass(frozen=True, slots=True)
class _Begin:
    name: str
    file_name: str | None


class _End:
    """The part is over."""


class MultipartReader:
    """Reads the parts of one request's body, holding no more of it than one chunk."""

    def __init__(self, request: Request, *, limit_bytes: int) -> None:
        """
        Prepare to read; nothing is read yet.

        Args:
            request: The request.
            limit_bytes: The largest body accepted, in bytes.

        Raises:
            InvalidRequest: It is not a multipart/form-data request.
            UploadTooLarge: It says that its body is larger than that.
        """
        self._stream = request.stream()
        self._limit_bytes = limit_bytes
        self._came_bytes = 0
        self._events: deque[_Begin | bytes | _End] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._complete = False
        self._parser = self._make_parser(request)
        promised = request.headers.get("content-length", "")
        if promised.isascii() and promised.isdigit() and int(promised) > limit_bytes:
            raise UploadTooLarge(limit_bytes=limit_bytes)

    def _make_parser(self, request: Request) -> MultipartParser:
        media_type, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary", b"")
        if media_type != b"multipart/form-data" or not boundary:
            raise InvalidRequest(
                field="Content-Type", reason="must be multipart/form-data with a boundary."
            )
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise InvalidRequest(field="Content-Type", reason=f"cannot be used: {error}") from error

    async def parts(self) -> AsyncIterator[Part]:
        """
        Yield the parts in the order they come.

        Raises:
            InvalidRequest: The body is not well-formed, or stops early.
            UploadTooLarge: It is larger than allowed.
            ClientDisconnect: The sender has gone.
        """
        while (event := await self._next()) is not None:
            if isinstance(event, _Begin):
                yield Part(event.name, event.file_name, self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), bytes):
            yield event

    async def _next(self) -> _Begin | bytes | _End | None:
        while not self._events:
            if self._complete:
                return None
            await self._read_some()
        return self._events.popleft()

    async def _read_some(self) -> None:
        try:
            chunk = await anext(self._stream)
        except StopAsyncIteration:
            raise InvalidRequest(
                field="body", reason="stops before its closing boundary."
            ) from None
        self._came_bytes += len(chunk)
        if self._came_bytes > self._limit_bytes:
            raise UploadTooLarge(limit_bytes=self._limit_bytes)
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise InvalidRequest(
                field="body", reason=f"is not well-formed multipart/form-data: {error}"
            ) from error

    # --- what the parser calls --------------------------------------------------------------

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if disposition != b"form-data" or b"name" not in options:
            raise InvalidRequest(field="body", reason="has a part without a name.")
        file_name = options.get(b"filename")
        self._events.append(
            _Begin(
                options[b"name"].decode(errors="replace"),
                None if file_name is None else file_name.decode(errors="replace"),
            )
        )

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _on_part_end(self) -> None:
        self._events.append(_End())

    def _on_end(self) -> None:
        self._complete = True
