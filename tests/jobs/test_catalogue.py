"""Generators by id; options and views that fit them."""

import pytest

from image2model.core.errors import GeneratorNotFound, InvalidOptions, InvalidViews
from image2model.core.generator import GeneratorId, View
from image2model.jobs.catalogue import check_views, fill_options
from image2model.testing.scripted_provider import SCRIPTED
from tests.harness.rig import Rig


def test_an_unknown_generator_is_named_with_those_there_are(rig: Rig) -> None:
    with pytest.raises(GeneratorNotFound) as caught:
        rig.context.catalogue.card(GeneratorId("fal/none"))
    assert SCRIPTED in caught.value.message


def test_options_get_their_defaults(rig: Rig) -> None:
    card = rig.context.catalogue.card(SCRIPTED)
    assert fill_options(card, {"seed": 3}) == {"quality": "low", "seed": 3}


def test_every_wrong_option_is_named(rig: Rig) -> None:
    card = rig.context.catalogue.card(SCRIPTED)
    with pytest.raises(InvalidOptions) as caught:
        fill_options(card, {"quality": "best", "seed": 10, "sede": 1})
    problems = " ".join(caught.value.details["problems"])
    assert "quality" in problems
    assert "10 is greater than the maximum of 9" in problems
    assert (
        "there is no option 'sede' (did you mean 'seed'?); the options are quality, seed"
        in problems
    )


@pytest.mark.parametrize(
    ("views", "reason"),
    [
        ([View.BACK], "needs the view front"),
        ([View.FRONT, View.TOP], "does not use the view top"),
        ([], "needs the view front"),
    ],
)
def test_views_that_do_not_fit_are_refused(rig: Rig, views: list[View], reason: str) -> None:
    card = rig.context.catalogue.card(SCRIPTED)
    with pytest.raises(InvalidViews, match=reason):
        check_views(card, views, item=0)


def test_views_that_fit_are_fine(rig: Rig) -> None:
    check_views(rig.context.catalogue.card(SCRIPTED), [View.FRONT, View.BACK], item=0)
