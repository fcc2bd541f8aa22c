"""Make the file that somebody wants of the model that was delivered: described, then converted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from image2model.core.errors import JsonValue
from image2model.core.job import Description
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.describe import describe_glb
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.detection import file_format

_GLB = Conversion(format="glb")


MAKER = "generator"
"""Under this, files of any format that can say anything name what made the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """
    A file as wanted.

    Attributes:
        content: Its bytes.
        notes: What was given up or left out, one plain sentence each, without a stop.
        facts: What the description did to it, as JSON values.
    """

    content: bytes
    notes: Sequence[str]
    facts: Mapping[str, JsonValue]


def make_file(data: bytes, conversion: Conversion, about: Description) -> Made:
    """
    Give a model its true size and what is known of it, and then the form that is wanted.

    A GLB file that is to stay one, and as it is, keeps everything in it.

    Args:
        data: The whole file as it was delivered, in any format that can be read.
        conversion: What it is to become.
        about: What is said of the object.

    Raises:
        InvalidMesh: It cannot be read.
        InvalidRequest: It cannot become as small as asked for.
    """
    notes: list[str] = []
    facts: Mapping[str, JsonValue] = {}
    if about.has_measures and not _is_glb(data):
        whole = convert_file(data, _GLB, name=about.name)
        data, notes = whole.content, [*whole.notes]
    maker = {MAKER: about.generator} if about.generator else {}
    if about.metadata and _is_glb(data):
        said = {**_counting(about, conversion), **maker}
        described = describe_glb(data, said, name=about.name)
        data, facts, notes = described.glb, described.facts, [*notes, *described.notes]
        if conversion == _GLB:
            return Made(content=data, notes=notes, facts=facts)
    texts = {key: f"{value}" for key, value in about.metadata.items()} | maker
    made = convert_file(data, conversion, name=about.name, metadata=texts)
    return Made(content=made.content, notes=[*notes, *made.notes], facts=facts)


def _is_glb(data: bytes) -> bool:
    return file_format(data) == "glb"


def _counting(about: Description, conversion: Conversion) -> Mapping[str, JsonValue]:
    """Leave out a limit of faces where another one is asked for: nothing is reduced twice."""
    if conversion.faces is None:
        return about.metadata
    return {key: value for key, value in about.metadata.items() if key != "face_limit"}
