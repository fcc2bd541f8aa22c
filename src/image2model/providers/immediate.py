"""What providers share whose work costs nothing: none of it needs to outlive its process."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal

from image2model.core.errors import JsonValue
from image2model.core.generator import GeneratorCard, GeneratorId
from image2model.core.ids import SubmitKey
from image2model.core.job import FileRole, Handle, Progress, Submission
from image2model.ports.provider import Delivery, ProvidedFile, Work


class ImmediateProvider:
    """
    Makes each model in the run that waits for it, and makes again what a crash has lost.

    Args:
        name: The first part of its generators' ids.
        cards: Its generators, the default one first.
        phase: What is said of an item that is being made.
    """

    def __init__(self, name: str, cards: Sequence[GeneratorCard], *, phase: str) -> None:
        self._name = name
        self._cards = {card.id: card for card in cards}
        self._phase = phase
        self._made: dict[str, Delivery] = {}

    async def make(self, work: Work) -> Delivery:
        """Make a model; raises what `Provider.follow` may raise."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The first part of its generators' ids."""
        return self._name

    def cards(self) -> Sequence[GeneratorCard]:
        """List its generators."""
        return tuple(self._cards.values())

    def card(self, generator: GeneratorId) -> GeneratorCard | None:
        """Describe *generator*; None: there is no such one."""
        return self._cards.get(generator)

    async def prepare(self, work: Work) -> Submission:
        """Nothing is sent anywhere, so there is nothing to prepare."""
        return Submission(endpoint=work.generator)

    async def submit(self, submission: Submission, *, submit_key: SubmitKey) -> Handle:
        """Accept at once; the work begins with `follow`."""
        return Handle(request_id=submit_key, data={"endpoint": submission.endpoint})

    async def reconcile(self, submission: Submission, *, submit_key: SubmitKey) -> Handle | None:
        """Take the work up again: it costs nothing and has no effect elsewhere."""
        return await self.submit(submission, submit_key=submit_key)

    async def follow(self, work: Work, handle: Handle) -> AsyncIterator[Progress]:
        """Make the model."""
        typical_s = self._cards[work.generator].typical_s
        yield Progress(fraction=0.1, phase=self._phase, eta_s=typical_s)
        self._made[handle.request_id] = await self.make(work)

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Hand out what `follow` made, or make it again after a restart."""
        return self._made.pop(handle.request_id, None) or await self.make(work)

    async def cancel(self, handle: Handle) -> bool:
        """Forget the work, which was stopped with the run that waited for it."""
        self._made.pop(handle.request_id, None)
        return True

    async def check(self) -> None:
        """Nothing is known that could be missing."""

    async def aclose(self) -> None:
        """Forget what nobody collected. May be called twice."""
        self._made.clear()


def free_delivery(glb: bytes, facts: Mapping[str, JsonValue] | None = None) -> Delivery:
    """Hand out a GLB file that cost nothing, and what is known of it."""
    mesh = ProvidedFile(name="model.glb", role=FileRole.MESH, content=glb)
    return Delivery(files=[mesh], facts=facts or {}, cost_usd=Decimal(0))
