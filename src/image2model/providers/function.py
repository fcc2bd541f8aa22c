"""Make a provider of one function, for makers of models that may be run again at no cost."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal

from image2model.core.generator import GeneratorCard, GeneratorId
from image2model.core.ids import SubmitKey
from image2model.core.job import FileRole, Handle, Progress, Submission
from image2model.ports.provider import Delivery, ProvidedFile, Work

Make = Callable[[Work], Awaitable[bytes]]
"""Makes a GLB file; raises what `Provider.follow` may raise."""


class FunctionProvider:
    """
    Runs *make* for every item.

    Nothing of it survives its process: what was lost is made again. That is right for a model on
    a machine of yours, and wrong for a service that is paid per request; such a provider has to
    keep `Provider`'s promises itself.
    """

    def __init__(self, name: str, cards: Sequence[GeneratorCard], make: Make) -> None:
        """
        Make a provider.

        Args:
            name: The first part of its generators' ids.
            cards: Its generators, the default one first.
            make: What makes the models; told apart by `Work.generator`.
        """
        self._name = name
        self._cards = {card.id: card for card in cards}
        self._make = make
        self._made: dict[str, bytes] = {}

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
        """Take the work up again: it costs nothing."""
        return await self.submit(submission, submit_key=submit_key)

    async def follow(self, work: Work, handle: Handle) -> AsyncIterator[Progress]:
        """Make the model."""
        typical_s = self._cards[work.generator].typical_s
        yield Progress(fraction=0.1, phase="Generating", eta_s=typical_s)
        self._made[handle.request_id] = await self._make(work)

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Hand out what `follow` made, or make it again after a restart."""
        glb = self._made.pop(handle.request_id, None) or await self._make(work)
        mesh = ProvidedFile(name="model.glb", role=FileRole.MESH, content=glb)
        return Delivery(files=[mesh], cost_usd=Decimal(0))

    async def cancel(self, handle: Handle) -> bool:
        """Forget the work, which was stopped with the run that waited for it."""
        self._made.pop(handle.request_id, None)
        return True

    async def check(self) -> None:
        """Nothing is known that could be missing."""

    async def aclose(self) -> None:
        """Forget what nobody collected. May be called twice."""
        self._made.clear()
