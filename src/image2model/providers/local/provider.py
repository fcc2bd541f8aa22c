"""The provider `local`: needs no key and no network, computes on this machine's cores."""

from collections.abc import Mapping

from image2model.core.errors import JsonValue
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.computations import memory_for_pictures
from image2model.ports.provider import Delivery, ProviderTools, Work
from image2model.providers.immediate import ImmediateProvider, free_delivery
from image2model.providers.local.cards import CARDS
from image2model.providers.local.model import LocalModel


class LocalProvider(ImmediateProvider):
    """
    Runs the keyless engine in worker processes.

    The engine is deterministic, so nothing of it needs to survive a crash: a model that was lost
    with its process is computed again, to the same bytes.
    """

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__("local", tuple(CARDS.values()), phase="Shaping")
        self._tools = tools

    async def make(self, work: Work) -> Delivery:
        """Compute a model."""
        compute = self._tools.compute
        needs_bytes = memory_for_pictures(*(picture.pixels for picture in work.pictures))
        async with compute.room(needs_bytes):
            views = {picture.view: await picture.read() for picture in work.pictures}
            model = await compute.run(
                self._tools.compute_limit_s,
                _make,
                work.generator,
                views,
                dict(work.options),
                work.name,
                self._tools.picture_limits,
            )
        return free_delivery(model.glb, model.facts)


def _make(
    generator: str,
    views: Mapping[str, bytes],
    options: Mapping[str, JsonValue],
    name: str,
    limits: PictureLimits,
) -> LocalModel:
    """Make a model in a worker process: only there is the engine, with numpy and OpenCV, loaded."""
    from image2model.providers.local.engine import make_model  # noqa: PLC0415

    return make_model(generator, views, options, name=name, limits=limits)


def create_provider(tools: ProviderTools) -> LocalProvider:
    """Create the provider; the entry point `local` names this."""
    return LocalProvider(tools)


def load_engine() -> None:
    """Load in a worker process what the first model needs, so that it does not wait for it."""
    from image2model.geometry.inspection import facts  # noqa: F401, PLC0415
    from image2model.geometry.pictures import picture  # noqa: F401, PLC0415
    from image2model.geometry.render import preview  # noqa: F401, PLC0415
    from image2model.providers.local import engine  # noqa: F401, PLC0415
