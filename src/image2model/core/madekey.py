"""A hash that says whether two items would become the same model."""

import hashlib
import json
from collections.abc import Iterable

from image2model.core.generator import GeneratorId, Options
from image2model.core.job import Picture


def canonical_json(value: object) -> str:
    """Write *value* as JSON in the one form that equal values share."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(value: object) -> str:
    """Hash the canonical JSON of *value* with SHA-256, as hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def made_key(generator: GeneratorId, options: Options, pictures: Iterable[Picture]) -> str:
    """
    Hash pictures, generator and options: same key, same model. 64 hex digits.

    That is all that a generator is told, and paid for. What a model is called, what is said of
    its object and what it shall come as is done to it later, by us, as often as it changes.
    """
    views = sorted((str(picture.view), picture.sha256) for picture in pictures)
    return hash_of({"generator": generator, "options": dict(options), "views": views})
