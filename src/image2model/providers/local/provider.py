"""The provider `local`: needs no key and no network, computes on this machine's cores."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from image2model.core.errors import JsonValue
from image2model.core.generator import GeneratorCard, GeneratorId
from image2model.core.ids import SubmitKey
from image2model.core.job import FileRole, Handle, Progress, Submission
from image2model.geometry.picture_limits import PictureLimits
from image2model.ports.provider import Delivery, ProvidedFile, ProviderTools, Work
from image2model.providers.local.cards import CARDS

if TYPE_CHECKING:
    from image2model.providers.local.engine import LocalModel


class LocalProvider:
    """
    Runs the keyless engine in worker processes.

    The engine is deterministic, so nothing of it needs to survive a crash: a model that was lost
    with its process is computed again, to the same bytes.
    """

    name = "local"

    def __init__(self, tools: ProviderTools) -> None:
        self._tools = tools
        self._made: dict[str, LocalModel] = {}

    def cards(self) -> Sequence[GeneratorCard]:
        """List the local generators, puff first."""
        return tuple(CARDS.values())

    def card(self, generator: GeneratorId) -> GeneratorCard | None:
        """Describe *generator*; None: there is no such local one."""
        return CARDS.get(generator)

    async def prepare(self, work: Work) -> Submission:
        """Nothing is sent anywhere, so there is nothing to prepare."""
        return Submission(endpoint=work.generator)

    async def submit(self, submission: Submission, *, submit_key: SubmitKey) -> Handle:
        """Accept at once; computing begins with `follow`."""
        return Handle(request_id=submit_key, data={"endpoint": submission.endpoint})

    async def reconcile(self, submission: Submission, *, submit_key: SubmitKey) -> Handle | None:
        """Take the work up again: it costs nothing and has no effect elsewhere."""
        return await self.submit(submission, submit_key=submit_key)

    async def follow(self, work: Work, handle: Handle) -> AsyncIterator[Progress]:
        """Compute the model."""
        card = CARDS[work.generator]
        yield Progress(fraction=0.1, phase="Shaping", eta_s=card.typical_s)
        self._made[handle.request_id] = await self._make(work)

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Hand out what `follow` made, or make it again after a restart."""
        model = self._made.pop(handle.request_id, None) or await self._make(work)
        mesh = ProvidedFile(name="model.glb", role=FileRole.MESH, content=model.glb)
        return Delivery(files=[mesh], facts=model.facts, cost_usd=Decimal(0))

    async def cancel(self, handle: Handle) -> bool:
        """Forget the work; its computation was stopped with the run that waited for it."""
        self._made.pop(handle.request_id, None)
        return True

    async def check(self) -> None:
        """Nothing can be missing."""

    async def aclose(self) -> None:
        """Forget what nobody collected. May be called twice."""
        self._made.clear()

    async def _make(self, work: Work) -> "LocalModel":
        views = {picture.view: await picture.read() for picture in work.pictures}
        return await self._tools.compute.run(
            self._tools.compute_limit_s,
            _make,
            work.generator,
            views,
            dict(work.options),
            work.name,
            self._tools.picture_limits,
        )


def _make(
    generator: str,
    views: Mapping[str, bytes],
    options: Mapping[str, JsonValue],
    name: str,
    limits: PictureLimits,
) -> "LocalModel":
    """Make a model in a worker process: only there is the engine, with numpy and OpenCV, loaded."""
    from image2model.providers.local.engine import make_model  # noqa: PLC0415

    return make_model(generator, views, options, name=name, limits=limits)


def create_provider(tools: ProviderTools) -> LocalProvider:
    """Create the provider; the entry point `local` names this."""
    return LocalProvider(tools)


def load_engine() -> None:
    """Load in a worker process what the first model needs, so that it does not wait for it."""
    from image2model.geometry import inspect, pictures, preview  # noqa: F401, PLC0415
    from image2model.providers.local import engine  # noqa: F401, PLC0415
