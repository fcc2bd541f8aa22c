"""What a server's refusal looks like to a program."""

from collections.abc import Mapping

from image2model.core.errors import Image2ModelError, JsonValue


class RemoteError(Image2ModelError):
    """
    A server refused a request.

    Attributes:
        code: The server's stable code, such as `job_not_found`.
        status: The HTTP status.
    """

    code = "remote_error"

    def __init__(
        self, *, status: int, code: str, message: str, details: Mapping[str, JsonValue]
    ) -> None:
        super().__init__(message, **details)
        self.status = status
        self.code = code  # type: ignore[misc]  # each answer has its own


class ServerUnreachable(Image2ModelError):
    """No server answers at that address."""

    code = "server_unreachable"

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(
            f"No image2model server answers at {url} ({reason}). "
            "Start one with `image2model serve`, or check the address.",
            url=url,
        )
