"""Make a model from pictures: one pure function, run in a worker process."""

from collections.abc import Mapping

import numpy as np

from image2model.core.errors import GeneratorNotFound, InvalidViews, JsonValue
from image2model.core.generator import GeneratorCard, View
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import weld_faces
from image2model.geometry.mesh.edges import islands
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import Picture, decode_picture
from image2model.jobs.catalogue import fill_options
from image2model.providers.local import cards
from image2model.providers.local.made import Made, Options
from image2model.providers.local.model import LocalModel
from image2model.providers.local.multiview import make_hull
from image2model.providers.local.single import (
    make_extrusion,
    make_puff,
    make_relief,
    make_turning,
)

_UNNAMED = "model"
_FROM_ONE_PICTURE = {
    cards.PUFF.id: make_puff,
    cards.EXTRUDE.id: make_extrusion,
    cards.RELIEF.id: make_relief,
    cards.LATHE.id: make_turning,
}


def make_model(
    generator: str,
    views: Mapping[str, bytes],
    options: Mapping[str, object],
    *,
    name: str,
    limits: PictureLimits,
) -> LocalModel:
    """
    Make one model; the same input gives the same bytes.

    Args:
        generator: The id of one of `cards.CARDS`.
        views: Picture files by the side they show.
        options: By the generator's schema; what is left out has its default.
        name: Shown by 3D programs.
        limits: How large a picture may be.

    Returns:
        The model and facts about it.

    Raises:
        GeneratorNotFound: There is no such local generator.
        InvalidOptions: An option is unknown or out of its range.
        InvalidViews: The generator takes other views.
        InvalidPictureError: A picture cannot be read, or no object was found in it.
    """
    card = cards.CARDS.get(generator)
    if card is None:
        raise GeneratorNotFound(generator=generator, known=list(cards.CARDS))
    chosen = fill_options(card, options)
    _check_views(card, views)
    pictures = {View(view): decode_picture(data, limits=limits) for view, data in views.items()}
    made = _make(card, pictures, chosen, name=name.strip() or _UNNAMED)
    facts = {**_measure(made.mesh), **made.facts}
    facts["notes"] = [*_notes_in(made.facts), *_say_bodies(facts, card)]
    glb = write_glb(made.mesh, made_by=card.id)
    return LocalModel(glb=glb, facts=facts)


def _notes_in(facts: Mapping[str, JsonValue]) -> list[JsonValue]:
    notes = facts.get("notes")
    return list(notes) if isinstance(notes, list) else []


def _say_bodies(facts: Mapping[str, JsonValue], card: GeneratorCard) -> list[JsonValue]:
    bodies = facts["bodies"]
    if bodies == 1:
        return []
    properties = card.options_schema["properties"]
    can_join = isinstance(properties, Mapping) and "parts" in properties
    advice = ": the option 'parts' joins them, or keeps the largest" if can_join else ""
    return [f"it consists of {bodies} loose bodies{advice}"]


def _check_views(card: GeneratorCard, views: Mapping[str, bytes]) -> None:
    allowed = [view.value for view in (*card.required_views, *card.optional_views)]
    missing = [view.value for view in card.required_views if view not in views]
    if (
        missing
        or not set(views) <= set(allowed)
        or not card.min_views <= len(views) <= card.max_views
    ):
        raise InvalidViews(
            reason=f"{card.id} takes {card.min_views} to {card.max_views} views out of "
            f"{', '.join(allowed)}, always with {', '.join(card.required_views)}; "
            f"it got {', '.join(views) or 'none'}."
        )


def _make(
    card: GeneratorCard, pictures: Mapping[View, Picture], options: Options, *, name: str
) -> Made:
    if card.id == cards.HULL.id:
        return make_hull(pictures, options, name=name)
    return _FROM_ONE_PICTURE[card.id](pictures[View.FRONT], options, name=name)


def _measure(mesh: Mesh) -> dict[str, JsonValue]:
    size_mm = np.ptp(mesh.positions, axis=0) * 1000
    return {
        "faces": len(mesh.faces),
        "vertices": len(mesh.positions),
        "width_mm": round(float(size_mm[0]), 2),
        "height_mm": round(float(size_mm[1]), 2),
        "depth_mm": round(float(size_mm[2]), 2),
        "watertight": is_watertight(mesh.faces),
        "bodies": int(islands(weld_faces([mesh])).max(initial=-1)) + 1,
    }
