"""What the local generators are, and honestly for what."""

from collections.abc import Mapping
from types import MappingProxyType

from image2model.core.generator import GeneratorCard, GeneratorId, RunsOn, View
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

EXTRUDE = GeneratorCard(
    id=GeneratorId("local/extrude"),
    title="Extrude",
    summary="Cuts the outline out of a plate with upright walls; exact, no AI, free.",
    good_for=("logos", "letters", "icons", "stickers", "keyrings", "cookie cutters"),
    poor_for=("anything that should look round", "photos of rooms or landscapes"),
    runs_on=RunsOn.CPU,
    options_schema=options.EXTRUDE,
    typical_s=0.1,
    licence=_LICENCE,
)

RELIEF = GeneratorCard(
    id=GeneratorId("local/relief"),
    title="Relief",
    summary=(
        "Raises the whole picture from a plate: a bas-relief, or a lithophane to be lit from "
        "behind; no AI, free."
    ),
    good_for=("3D printing", "coins and medals", "portraits as lithophanes", "landscapes"),
    poor_for=("objects to be seen from all sides", "pictures where dark does not mean deep"),
    runs_on=RunsOn.CPU,
    options_schema=options.RELIEF,
    typical_s=0.1,
    licence=_LICENCE,
)

LATHE = GeneratorCard(
    id=GeneratorId("local/lathe"),
    title="Lathe",
    summary="Turns the outline around its upright axis: round from every side; no AI, free.",
    good_for=("bottles", "vases", "posts", "chess pieces", "lamps", "fruit standing upright"),
    poor_for=("anything not round from above", "handles, which are left out"),
    runs_on=RunsOn.CPU,
    options_schema=options.LATHE,
    typical_s=0.1,
    licence=_LICENCE,
)

HULL = GeneratorCard(
    id=GeneratorId("local/hull"),
    title="Hull",
    summary=(
        "Carves an object out of two to four views from exactly front, sides, back or top; holds "
        "all round; no AI, free."
    ),
    good_for=("turnaround drawings", "product pictures from all sides", "toys", "figurines"),
    poor_for=("views in perspective", "views of different poses", "hollows, which are filled"),
    runs_on=RunsOn.CPU,
    optional_views=(View.LEFT, View.BACK, View.RIGHT, View.TOP),
    min_views=2,
    max_views=4,
    options_schema=options.HULL,
    typical_s=0.5,
    licence=_LICENCE,
    notes=(
        "The left view is seen from the left of the front picture: it shows the front on its right",
        "The top view shows the front at its bottom",
    ),
)

CARDS: Mapping[str, GeneratorCard] = MappingProxyType(
    {card.id: card for card in (PUFF, EXTRUDE, RELIEF, LATHE, HULL)}
)
"""Every local generator's card by its id, the default one first."""
