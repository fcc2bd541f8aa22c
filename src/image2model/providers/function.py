"""Make a provider of one function, for makers of models that may be run again at no cost."""

from collections.abc import Awaitable, Callable, Sequence

from image2model.core.generator import GeneratorCard
from image2model.ports.provider import Delivery, Work
from image2model.providers.immediate import ImmediateProvider, free_delivery

Make = Callable[[Work], Awaitable[bytes]]
"""Makes a GLB file; raises what `Provider.follow` may raise."""


class FunctionProvider(ImmediateProvider):
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
        super().__init__(name, cards, phase="Generating")
        self._function = make

    async def make(self, work: Work) -> Delivery:
        """Make a model."""
        return free_delivery(await self._function(work))
