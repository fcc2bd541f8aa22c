"""A hash that says whether two items would become the same model."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from image2model.core.errors import JsonValue
from image2model.core.generator import GeneratorId, Options
from image2model.core.job import Picture


def canonical_json(value: object) -> str:
    """Write *value* as JSON in the one form that equal values share."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(value: object) -> str:
    """Hash the canonical JSON of *value* with SHA-256, as hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def made_key(
    generator: GeneratorId,
    options: Options,
    pictures: Iterable[Picture],
    metadata: Mapping[str, JsonValue] | None = None,
) -> str:
    """Hash pictures, generator, options and metadata: same key, same model. 64 hex digits."""
    views = sorted((str(picture.view), picture.sha256) for picture in pictures)
    made = {"generator": generator, "options": dict(options), "views": views}
    return hash_of(made | {"metadata": dict(metadata)} if metadata else made)
