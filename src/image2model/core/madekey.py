"""A hash that says whether two items would become the same model."""

from collections.abc import Iterable

from image2model.core.generator import GeneratorId, Options
from image2model.core.job import Picture
from image2model.core.values.hashing import hash_of


def made_key(generator: GeneratorId, options: Options, pictures: Iterable[Picture]) -> str:
    """
    Hash pictures, generator and options: same key, same model. 64 hex digits.

    That is all that a generator is told, and paid for. What a model is called, what is said of
    its object and what it shall come as is done to it later, by us, as often as it changes.
    """
    views = sorted((str(picture.view), picture.sha256) for picture in pictures)
    return hash_of({"generator": generator, "options": dict(options), "views": views})
