"""What is known of one endpoint, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from image2model.core.errors import JsonValue
from image2model.core.generator import Price, View

Schema = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """
    Where an endpoint takes its pictures.

    Attributes:
        fields: The input field of each view, for endpoints that name their views.
        list_field: The input field of all pictures, for endpoints that take a list.
        views: The views taken, in the order of the list.
        required: Views that must be there.
        at_most: The most pictures.
        no_gaps: Whether the place in the list says which view it is, so none may be left out.
    """

    fields: Mapping[View, str] = field(default_factory=dict)
    list_field: str = ""
    views: Sequence[View] = (View.FRONT,)
    required: Sequence[View] = (View.FRONT,)
    at_most: int = 1
    no_gaps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyWith:
    """
    An option that makes sense only with certain values of another one.

    Attributes:
        option: The option.
        other: What it depends on.
        among: The values of *other* it makes sense with.
        otherwise: What is sent without them; None: nothing.
    """

    option: str
    other: str
    among: Sequence[JsonValue]
    otherwise: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One endpoint.

    Attributes:
        short: The generator is `fal/<short>`.
        endpoint: fal's id of it.
        title: Name for people.
        summary: One honest sentence.
        good_for: Subjects it does well.
        poor_for: Subjects it does badly.
        pictures: Where the pictures go.
        options: JSON Schemas by option; one without a default is sent only when it is given.
        rules: Options that depend on others.
        encode: Options that are not sent under their own name: the fields for each value.
        fixed: Fields that are always sent.
        mesh_keys: Where the mesh may be in the result, most wanted first; dots lead inwards.
        preview_keys: The same for a picture of it.
        price: By options.
        typical_s: Seconds a run takes as a rule.
        formats: Formats it delivers, the usual one first.
        licence: Terms of use.
        notes: What else to know.
    """

    short: str
    endpoint: str
    title: str
    summary: str
    good_for: Sequence[str]
    poor_for: Sequence[str]
    pictures: Pictures
    options: Mapping[str, Schema] = field(default_factory=dict)
    rules: Sequence[OnlyWith] = ()
    encode: Mapping[str, Mapping[JsonValue, Mapping[str, JsonValue]]] = field(default_factory=dict)
    fixed: Mapping[str, JsonValue] = field(default_factory=dict)
    mesh_keys: Sequence[str]
    preview_keys: Sequence[str] = ()
    price: Price
    typical_s: float
    formats: Sequence[str] = ("glb",)
    licence: str
    notes: Sequence[str] = ()


def one_picture(name: str) -> Pictures:
    """Describe an endpoint that takes one picture in the field *name*."""
    return Pictures(fields={View.FRONT: name})


def named_views(
    fields: Mapping[View, str], *, required: Sequence[View] = (View.FRONT,)
) -> Pictures:
    """Describe an endpoint with a field for each view."""
    return Pictures(fields=fields, views=tuple(fields), required=required, at_most=len(fields))


def any_views(name: str, *, at_most: int) -> Pictures:
    """Describe an endpoint that takes pictures from any side in one list."""
    return Pictures(list_field=name, views=tuple(View), at_most=at_most)


FOUR_VIEWS: Mapping[View, str] = {
    View.FRONT: "front_image_url",
    View.LEFT: "left_image_url",
    View.BACK: "back_image_url",
    View.RIGHT: "right_image_url",
}
"""The fields of Tripo and Hi3D."""
