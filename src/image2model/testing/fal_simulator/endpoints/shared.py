"""Pieces that the rows of the catalogue share."""

from image2model.testing.fal_simulator.catalog import Images, Output, Price

MESH = Output(kind="mesh")
URLS = Output(kind="urls")
IMAGE = Output(kind="image")
SEED = Output(kind="seed")
TEXT = Output(kind="text")
TIMINGS = Output(kind="timings")
MAPS = Output(kind="texture_maps")
NAMED_VIEWS = ("front_image_url", "left_image_url", "back_image_url", "right_image_url")
"""The four views as Tripo and Hi3D name them."""


def one_picture(name: str) -> Images:
    """Return the fields of an endpoint that takes one picture."""
    return Images(fields=(name,), required=(name,))


def several_pictures(name: str, *, at_most: int | None = None, required: bool = True) -> Images:
    """Return the fields of an endpoint that takes a list of pictures."""
    return Images(fields=(name,), required=(name,) if required else (), at_most=at_most)


def flat_price(usd: float) -> Price:
    """Return a price that no option changes."""
    return Price(unit_price_usd=usd)
