"""A provider that does as it is told: for tests of what surrounds providers."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

import anyio

from image2model.core.errors import SubmissionUncertain
from image2model.core.generator import (
    GeneratorCard,
    GeneratorId,
    Price,
    RunsOn,
    Surcharge,
    View,
)
from image2model.core.ids import SubmitKey
from image2model.core.job import FileRole, Handle, Progress, Submission
from image2model.ports.clock import Clock
from image2model.ports.provider import Delivery, ProvidedFile, Work
from image2model.testing.memory_fetcher import MemoryFetcher
from image2model.testing.tiny_model import tiny_glb

SCRIPTED = GeneratorId("scripted/cube")

Stage = Literal["prepare", "submit", "reconcile", "follow", "bill", "collect", "cancel"]

_CARD = GeneratorCard(
    id=SCRIPTED,
    title="Scripted cube",
    summary="Makes the same small cube of everything.",
    good_for=["tests"],
    poor_for=["everything else"],
    runs_on=RunsOn.NETWORK,
    optional_views=(View.BACK,),
    max_views=2,
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "quality": {"type": "string", "enum": ["low", "high"], "default": "low"},
            "seed": {"type": "integer", "minimum": 0, "maximum": 9, "default": 0},
        },
    },
    price=Price(
        base_usd=Decimal("0.20"),
        surcharges=[Surcharge(option="quality", equals="high", usd=Decimal("0.10"))],
    ),
    typical_s=1.0,
    licence="none",
)


class Hang(Exception):  # scripted like an error, but never raised
    """
    A call that does not return, as when its process hangs or is killed.

    Attributes:
        reached: Set when the call is waiting.
        released: Set it to let the call go on after all.
        then: What the call raises when it goes on; None: nothing.
    """

    def __init__(self, then: Exception | None = None) -> None:
        super().__init__()
        self.then = then
        self.reached = anyio.Event()
        self.released = anyio.Event()


@dataclass(slots=True)
class Request:
    """One piece of work that the provider accepted."""

    submit_key: SubmitKey
    name: str
    cancelled: bool = False


@dataclass(slots=True)
class ScriptedProvider:
    """
    Accepts everything and makes a cube, unless told to fail.

    It is its own far side: what it accepted stays known however often our side forgets.

    Attributes:
        clock: Tells how long work takes.
        latency_s: Seconds from acceptance to the end.
        accepted: Everything accepted, by request id: the far side's truth.
        cancellable: Whether `cancel` can still stop the work.
        cost_usd: What it says that work has cost; None: it does not say.
        more_views_usd: What an item of more than one picture costs besides, in US dollars.
        search_s: How long it says that `reconcile` takes at most, in seconds.
        reserved: The items that were prepared and neither submitted nor released.
        web: Where it publishes what it makes, unless something else is there already.
        expires_at: When it says that this ends; None: it does not say.
    """

    clock: Clock
    web: MemoryFetcher = field(default_factory=MemoryFetcher)
    expires_at: datetime | None = None
    latency_s: float = 0.0
    name: str = "scripted"
    accepted: dict[str, Request] = field(default_factory=dict)
    cancellable: bool = True
    cost_usd: Decimal | None = None
    more_views_usd: Decimal = Decimal(0)
    search_s: float = 10.0
    reserved: set[str] = field(default_factory=set)
    calls: list[tuple[Stage, str]] = field(default_factory=list)
    _faults: dict[tuple[Stage, str], deque[Exception]] = field(
        default_factory=lambda: defaultdict(deque)
    )

    def fail(self, stage: Stage, item: str, errors: Iterable[Exception]) -> None:
        """
        Raise *errors*, one by one, the next times *stage* is reached for the item named *item*.

        SubmissionUncertain at `submit` is raised after the work was accepted, as when the answer
        is lost; every other error before.
        """
        self._faults[stage, item].extend(errors)

    def hang(self, stage: Stage, item: str, *, then: Exception | None = None) -> Hang:
        """
        Hang in *stage* the next time it is reached for *item*, and raise *then* when let go on.

        At `submit` that is after the work was accepted, but before it where *then* is given.
        """
        fault = Hang(then)
        self._faults[stage, item].append(fault)
        return fault

    def forget_faults(self) -> None:
        """Fail no more."""
        self._faults.clear()

    def submits_of(self, item: str) -> int:
        """Count how often work on *item* was accepted: what would have been paid for."""
        return sum(request.name == item for request in self.accepted.values())

    def cards(self) -> Sequence[GeneratorCard]:
        """List the one card."""
        return [self._card]

    def card(self, generator: GeneratorId) -> GeneratorCard | None:
        """Describe the one generator."""
        return self._card if generator == _CARD.id else None

    @property
    def _card(self) -> GeneratorCard:
        return replace(_CARD, price=replace(_CARD.price, more_views_usd=self.more_views_usd))

    async def prepare(self, work: Work) -> Submission:
        """Read the pictures, as an upload would."""
        await self._reach("prepare", work.name)
        for picture in work.pictures:
            await picture.read()
        self.reserved.add(work.name)
        return Submission(
            endpoint="scripted",
            data={"name": work.name},
            estimated_usd=self._card.price.of(work.options, pictures=len(work.pictures)),
        )

    async def submit(self, submission: Submission, *, submit_key: SubmitKey) -> Handle:
        """Accept the work."""
        item = str(submission.data["name"])
        self.reserved.discard(item)
        fault = self._next_fault("submit", item)
        if isinstance(fault, Hang) and fault.then is not None:
            await self._suffer(fault)
        if fault is not None and not isinstance(fault, SubmissionUncertain | Hang):
            raise fault
        request_id = f"request-{len(self.accepted) + 1}"
        self.accepted[request_id] = Request(submit_key=submit_key, name=item)
        await self._suffer(fault)
        return Handle(request_id=request_id, data={"name": item})

    def release(self, submission: Submission) -> None:
        """Forget what was prepared and will not be submitted."""
        self.reserved.discard(str(submission.data["name"]))

    async def reconcile(self, submission: Submission, *, submit_key: SubmitKey) -> Handle | None:
        """Look the submit key up on the far side."""
        item = str(submission.data["name"])
        await self._reach("reconcile", item)
        for request_id, request in self.accepted.items():
            if request.submit_key == submit_key:
                return Handle(request_id=request_id, data={"name": item})
        return None

    async def search_limit_s(self, submission: Submission) -> float:
        """Tell what the test says."""
        del submission
        return self.search_s

    async def follow(self, work: Work, handle: Handle) -> AsyncIterator[Progress]:
        """Report a queue place and then half the way, and take `latency_s` in all."""
        yield Progress(fraction=0.1, phase="Waiting", queue_position=0)
        await self.clock.sleep(self.latency_s)
        await self._reach("follow", work.name)
        yield Progress(fraction=0.5, phase="Making")
        del handle

    async def read_bill(self, handle: Handle) -> Decimal | None:
        """Tell the cost."""
        request = self.accepted.get(handle.request_id)
        await self._reach("bill", request.name if request else "")
        return self.cost_usd

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Deliver the cube."""
        await self._reach("collect", work.name)
        mesh = ProvidedFile(
            name="model.glb",
            role=FileRole.MESH,
            content=tiny_glb(work.name),
            url=f"https://scripted.invalid/{handle.request_id}.glb",
            expires_at=self.expires_at,
        )
        assert mesh.url is not None
        self.web.files.setdefault(mesh.url, mesh.content or b"")
        return Delivery(files=[mesh], facts={"seed": work.options["seed"]})

    async def cancel(self, handle: Handle) -> bool:
        """Stop the work, if `cancellable`."""
        request = self.accepted[handle.request_id]
        await self._reach("cancel", request.name)
        request.cancelled = self.cancellable
        return self.cancellable

    async def check(self) -> None:
        """Always fine."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    async def _reach(self, stage: Stage, item: str) -> None:
        await self._suffer(self._next_fault(stage, item))

    async def _suffer(self, fault: Exception | None) -> None:
        if isinstance(fault, Hang):
            fault.reached.set()
            await fault.released.wait()
            if fault.then is not None:
                raise fault.then
        elif fault is not None:
            raise fault

    def _next_fault(self, stage: Stage, item: str) -> Exception | None:
        self.calls.append((stage, item))
        faults = self._faults[stage, item]
        return faults.popleft() if faults else None
