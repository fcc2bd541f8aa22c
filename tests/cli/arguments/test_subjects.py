"""Pictures are grouped as views of one object by how their files are named."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from image2model.cli.arguments.pictures import SourcePicture
from image2model.cli.arguments.subjects import group_pictures
from image2model.core.errors import InvalidViews
from image2model.wire.generators import GeneratorOut
from tests.cli.cards import HULL, MANY, card


def group(
    generator: GeneratorOut, *paths: str, views: bool | None = None
) -> Sequence[tuple[str, dict[str, str]]]:
    pictures = [SourcePicture(path=Path(path), sha256=path) for path in paths]
    return [
        (subject.name, {str(view): str(one.path) for view, one in subject.pictures.items()})
        for subject in group_pictures(pictures, generator, views=views)
    ]


def test_every_way_to_write_a_view_is_understood() -> None:
    names = ("a_front.png", "a-LEFT.jpg", "a back.webp", "a.right.png", "a_front-left.png")
    ((name, views),) = group(MANY, *names)
    assert name == "a"
    assert list(views) == ["front", "left", "back", "right", "front-left"]


def test_folder_names_the_object_where_files_are_called_by_their_views() -> None:
    assert group(HULL, "cups/mug/front.png", "cups/mug/left.png") == [
        ("mug", {"front": "cups/mug/front.png", "left": "cups/mug/left.png"})
    ]


def test_objects_of_different_folders_stay_apart() -> None:
    paths = ("a/cup_front.png", "a/cup_left.png", "b/cup_front.png", "b/cup_left.png")
    assert len(group(HULL, *paths)) == 2


def test_single_view_generators_never_group() -> None:
    assert [name for name, _ in group(card(), "a_front.png", "a_left.png")] == [
        "a_front",
        "a_left",
    ]


def test_views_are_refused_for_single_view_generators() -> None:
    with pytest.raises(InvalidViews, match="Leave out --views"):
        group(card(), "a_front.png", views=True)


def test_name_that_only_sounds_like_a_view_stays_a_single_picture() -> None:
    """Without its front, `shelf_left` is a shelf on the left, not a view of a shelf."""
    assert group(MANY, "shelf_left.png", "cup.png") == [
        ("shelf_left", {"front": "shelf_left.png"}),
        ("cup", {"front": "cup.png"}),
    ]


def test_views_that_the_generator_does_not_take_are_part_of_the_name() -> None:
    assert group(MANY, "desk_top.png") == [("desk_top", {"front": "desk_top.png"})]


def test_grouping_can_be_switched_off() -> None:
    assert len(group(MANY, "a_front.png", "a_left.png", views=False)) == 2


def test_missing_view_says_how_to_name_pictures() -> None:
    with pytest.raises(InvalidViews, match=r"needs the view left of 'cup'\. .*cup_left\.png"):
        group(HULL, "cup_front.png")


def test_two_pictures_of_one_view_are_refused() -> None:
    with pytest.raises(InvalidViews, match=r"cup_front\.png and cup-front\.jpg both show"):
        group(HULL, "cup_front.png", "cup_left.png", "cup-front.jpg")
