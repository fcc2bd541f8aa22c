"""What was delivered is described first, and then takes the form that is wanted."""

import pytest

from image2model.core.job import Description
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.describe import describe_glb
from image2model.geometry.conversion.export import make_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.container import parse_glb
from image2model.geometry.inspection.facts import inspect_meshes
from image2model.testing.tiny_model import tiny_glb

CUBE = tiny_glb()
PLAIN = Description(name="cube")
SIZED = Description(name="cube", metadata={"title": "Cube", "height_mm": 30.0})


def height_mm(model: bytes) -> float:
    return inspect_meshes(read_model(model).meshes).size_mm[1]


def test_of_which_nothing_is_said_stays_as_it_is() -> None:
    made = make_file(CUBE, Conversion(format="glb"), PLAIN)
    assert (made.content, made.notes, made.facts) == (CUBE, [], {})


def test_a_glb_that_stays_one_keeps_everything_in_it() -> None:
    made = make_file(CUBE, Conversion(format="glb"), SIZED)
    assert made.content == describe_glb(CUBE, SIZED.metadata, name="cube").glb
    assert made.facts == {"scaled_to": "height_mm"}


@pytest.mark.parametrize("format_name", ["glb", "obj.zip", "stl", "ply"])
@pytest.mark.parametrize("delivered", ["glb", "obj.zip", "stl", "ply"])
def test_true_size_whatever_comes_and_whatever_is_wanted(delivered: str, format_name: str) -> None:
    source = convert_file(CUBE, Conversion(format=delivered), name="cube").content
    made = make_file(source, Conversion(format=format_name), SIZED)
    assert height_mm(made.content) == pytest.approx(30, rel=1e-5)


def test_what_is_asked_for_goes_before_what_is_said() -> None:
    made = make_file(CUBE, Conversion(format="glb", height_mm=50), SIZED)
    assert height_mm(made.content) == pytest.approx(50, rel=1e-5)
    assert parse_glb(made.content).document["scenes"][0]["extras"]["title"] == "Cube"
    few = Description(name="cube", metadata={"face_limit": 100})
    assert make_file(CUBE, Conversion(format="glb", faces=12), few).facts == {}
