"""What the local generators are, and honestly for what."""

from collections.abc import Mapping
from types import MappingProxyType

from image2model.core.generator import GeneratorCard, GeneratorId, RunsOn
from image2model.providers.local import options

_LICENCE = "Yours: computed from your pictures alone, no learned weights"

PUFF = GeneratorCard(
    id=GeneratorId("local/puff"),
    title="Puff",
    summary=(
        "2.5D preview, no AI, free: blows the outline up into a cushion that looks right within "
        "30-40° of the front, flat from the side."
    ),
    good_for=("plush toys", "fruit", "pillows", "animals from the side", "badges", "stickers"),
    poor_for=("faces", "people", "chairs", "boxes", "buildings", "vehicles in perspective"),
    runs_on=RunsOn.CPU,
    options_schema=options.PUFF,
    typical_s=0.1,
    licence=_LICENCE,
)

CARDS: Mapping[str, GeneratorCard] = MappingProxyType({card.id: card for card in (PUFF,)})
"""Every local generator's card by its id, the default one first."""
