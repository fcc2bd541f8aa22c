"""What the engine makes."""

from collections.abc import Mapping
from dataclasses import dataclass

from image2model.core.errors import JsonValue
from image2model.core.values.plain_values import plain_value


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """
    A model of the engine.

    Attributes:
        glb: The model, a binary glTF 2.0 file.
        facts: About the model and how it came to be, as JSON values.
    """

    glb: bytes
    facts: Mapping[str, JsonValue]
