"""How many connections a server has, what they may take, and which has to make room for another."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from image2model.core.errors import TooManyRequests
from image2model.core.text.hosts import network_of

LOOK_EVERY_S = 1.0
"""How often connections are looked at; their times are met to within this."""

_COME_AGAIN_S = 5.0
"""When a connection may be free again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """
    What connections may take.

    Attributes:
        url_bytes: Of a request's address.
        header_bytes: Of all names and values of a request's header.
        header_fields: How many of them.
        header_s: How long a header may take to come.
        body_idle_s: How long a body may stop.
        body_bytes_per_s: How fast a body comes at least, on the average and after `body_idle_s`.
        answer_idle_s: How long an answer may lie unread.
        keep_alive_s: How long an unused connection is kept for the client's next request.
        connections: In all.
        connections_per_address: Of one address, or one /64 of IPv6.
    """

    url_bytes: int = 8_192
    header_bytes: int = 32_768
    header_fields: int = 100
    header_s: float = 10.0
    body_idle_s: float = 30.0
    body_bytes_per_s: int = 1_000
    answer_idle_s: float = 60.0
    keep_alive_s: int = 30
    connections: int = 4_000
    connections_per_address: int = 200


class Abortable(Protocol):
    """The way to the other side."""

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        ...


class Connection(Protocol):
    """What is counted here."""

    @property
    def transport(self) -> Abortable:
        """The way to the other side."""
        ...

    def look(self, now_s: float) -> None:
        """End if the other side takes too long; *now_s* is monotonic time."""
        ...


class Edge:
    """
    All connections of a server.

    Where there are too many, the one that has been without a request for the longest time makes
    room, so that whoever only holds connections keeps nobody out.

    Args:
        limits: What they may take.
        many_behind: Tells whether an address may stand for many callers, as a proxy's does.
    """

    def __init__(self, limits: EdgeLimits, *, many_behind: Callable[[str], bool]) -> None:
        self.limits = limits
        self._many_behind = many_behind
        self._addresses: dict[Connection, str | None] = {}
        self._of_address: dict[str, dict[Connection, None]] = {}
        self._resting: dict[Connection, None] = {}

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._addresses)

    def admit(self, connection: Connection, host: str) -> None:
        """
        Take *connection* in, which comes from *host*.

        Raises:
            TooManyRequests: There are too many, and each has a request under way.
        """
        address = None if self._many_behind(host) else network_of(host)
        if address is not None:
            own = self._of_address.get(address, {})
            if len(own) >= self.limits.connections_per_address:
                resting = next((one for one in own if one in self._resting), None)
                self._make_room(resting, "connections_per_address")
        if len(self._addresses) >= self.limits.connections:
            self._make_room(next(iter(self._resting), None), "connections")
        self._addresses[connection] = address
        if address is not None:
            self._of_address.setdefault(address, {})[connection] = None
        self._resting[connection] = None

    def _make_room(self, resting: Connection | None, limit: str) -> None:
        if resting is None:
            raise TooManyRequests(retry_after_s=_COME_AGAIN_S, limit=limit)
        self.forget(resting)
        resting.transport.abort()

    def works(self, connection: Connection) -> None:
        """Remember that *connection* has a request under way from now on."""
        self._resting.pop(connection, None)

    def rests(self, connection: Connection) -> None:
        """Remember that *connection* has no request under way from now on."""
        if connection in self._addresses:
            self._resting[connection] = None

    def forget(self, connection: Connection) -> None:
        """Count *connection* no longer."""
        self._resting.pop(connection, None)
        address = self._addresses.pop(connection, None)
        if address is not None:
            own = self._of_address[address]
            del own[connection]
            if not own:
                del self._of_address[address]

    def look(self) -> None:
        """End the connections whose other side takes too long; to be called every second."""
        now_s = time.monotonic()
        for connection in list(self._addresses):
            connection.look(now_s)
