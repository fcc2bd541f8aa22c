"""One accepted request: where it stands, and what is going to become of it."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from image2model.testing.fal_simulator.catalog import Endpoint

State = Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


MeshChange = Literal[
    "none",
    "null",
    "other key",
    "wrong type",
    "truncated",
    "huge",
    "empty",
    "html",
    "zip",
    "obj",
    "fbx",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedMesh:
    """
    What a mesh is instead of an honest GLB.

    Attributes:
        change: What is wrong with it.
        key: Where the result has it, for "other key".
        file_name: What it is called.
        content_type: What it says it is; None: what the endpoint always says.
        fraction: How much of it is there, for "truncated".
        size_bytes: How large it is, for "huge".
    """

    change: MeshChange = "none"
    key: str = ""
    file_name: str = "model.glb"
    content_type: str | None = None
    fraction: float = 1.0
    size_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class Script:
    """
    What fault rules have decided about one request before it ran.

    Attributes:
        stuck_in: The state it never leaves.
        requeues: How often it falls back from IN_PROGRESS to IN_QUEUE, half-way.
        requeued_s: How long it then stays in the queue.
        hidden_polls: Status requests answered 404 before the first honest one.
        odd_status: A status word nobody knows.
        odd_polls: How many status requests say it.
        outcome: What it ends with instead of a result.
        early_results: Result requests answered "still in progress" after the end.
        result_gone: The result cannot be fetched.
        is_retried: When it has ended, the service runs it again under another id.
        on_cancel: What cancelling does; None: what the documentation says.
        unlisted: The platform API does not list it.
        units_unknown: The result has no header with the billable units.
        mesh: What the mesh is like.
        files_life_s: Life of its files, over everything else.
        bare_files: File objects hold nothing but the URL.
        without: Keys left out of the result.
    """

    stuck_in: State | None = None
    requeues: int = 0
    requeued_s: float = 0.2
    hidden_polls: int = 0
    odd_status: str = ""
    odd_polls: int = 0
    outcome: "Outcome | None" = None
    early_results: int = 0
    result_gone: bool = False
    is_retried: bool = False
    on_cancel: Literal["ignore", "too_late", "legacy"] | None = None
    unlisted: bool = False
    units_unknown: bool = False
    mesh: ChangedMesh = ChangedMesh()
    files_life_s: float | None = None
    bare_files: bool = False
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    How a request ended.

    Attributes:
        status: The HTTP status of the result request.
        body: Its JSON.
        headers: Headers beside the usual ones.
        units: What is billed.
        error: What the status request says was wrong; None: it says nothing, as for errors of
            the model, which only the result request shows.
        error_type: The stable word for *error*.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    units: float = 0.0
    error: str | None = None
    error_type: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Generation:
    """An accepted request; times are seconds since the epoch."""

    request_id: str
    endpoint: Endpoint
    key: str
    arguments: Mapping[str, Any]
    headers: Mapping[str, str]
    run_s: float
    held: bool = False
    queue_s: float = 0.0
    others_ahead: int = 0
    webhook_url: str = ""
    script: Script = field(default_factory=Script)
    state: State = "IN_QUEUE"
    submitted_at: float = field(default_factory=time.time)
    started_at: float | None = None
    ended_at: float | None = None
    runs: int = 0
    cancelled: bool = False
    outcome: Outcome | None = None
    status_polls: int = 0
    timers: set[asyncio.TimerHandle] = field(default_factory=set)
    _watchers: set["asyncio.Future[None]"] = field(default_factory=set)

    @property
    def fraction(self) -> float:
        """How much of the run is done, from 0.0 to 1.0."""
        if self.state == "COMPLETED":
            return 1.0
        if self.started_at is None:
            return 0.0
        if self.held or self.run_s <= 0:
            return 0.5
        return min(0.99, (time.time() - self.started_at) / self.run_s)

    @property
    def inference_s(self) -> float:
        """How long it has run, in seconds; 0.0: it did not run, or runs still."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return round(self.ended_at - self.started_at, 3)

    def move_to(self, state: State) -> None:
        """Change the state and wake whoever watches."""
        self.state = state
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def changed(self, *, timeout_s: float) -> None:
        """Wait for the next change, at most *timeout_s* seconds."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watcher, timeout_s)
        finally:
            self._watchers.discard(watcher)


def iso(moment_s: float | None) -> str | None:
    """Return *moment_s* (seconds since the epoch) as ISO 8601 in UTC; None stays None."""
    return None if moment_s is None else datetime.fromtimestamp(moment_s, UTC).isoformat()
