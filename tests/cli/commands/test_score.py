"""`jobs score`: models beside their photos, the worst first."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.cli.drawing import draw_discs
from tests.cli.running import Here

EXAMPLES = Path(__file__).parents[3] / "examples" / "pictures"


def test_worst_first(here: Here, tmp_path: Path) -> None:
    """Solids cut out along the outline match it; the failed picture has no model to score."""
    draw_discs(tmp_path / "pictures", "disc.png")
    (tmp_path / "pictures" / "text.png").write_text("no picture")
    for name in ("mug.png", "teddy.png"):
        (tmp_path / "pictures" / name).write_bytes((EXAMPLES / name).read_bytes())
    here("generate", "pictures", "-o", "out", "--generator", "local/extrude")
    scores = here("jobs", "score", "last", "--json").json["scores"]
    assert sorted(one["name"] for one in scores) == ["disc", "mug", "teddy"]
    values = [one["score"] for one in scores]
    assert values == sorted(values)
    assert all(value > 0.85 for value in values)
    told = here("jobs", "score", "last")
    assert told.code == 0
    assert [told.out.index(one["name"]) for one in scores] == sorted(
        told.out.index(one["name"]) for one in scores
    )
    assert "very close to the photo" in told.out


def test_unknown_comes_before_all(here: Here, tmp_path: Path) -> None:
    """A turned vase is no horseshoe: its outline fits nowhere, so it needs a look."""
    draw_discs(tmp_path / "pictures", "disc.png")
    horseshoe = Image.new("RGBA", (64, 64))
    ImageDraw.Draw(horseshoe).arc((4, 4, 60, 60), 300, 240, fill=(150, 90, 40, 255), width=7)
    horseshoe.save(tmp_path / "pictures" / "horseshoe.png")
    here("generate", "pictures", "-o", "out", "--generator", "local/lathe")
    first, last = here("jobs", "score", "last", "--json").json["scores"]
    assert (first["name"], first["score"]) == ("horseshoe", None)
    assert first["meaning"].startswith("unknown")
    assert last["name"] == "disc"
    assert "–" in here("jobs", "score", "last").out


def test_nothing_was_made(here: Here, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    here("generate", "text.png", "-o", "out")
    assert here("jobs", "score", "last").out == "No models.\n"
    assert here("jobs", "score", "last", "--json").json == {"scores": []}


@pytest.mark.parametrize("text", ["zzz", "last"])
def test_no_such_job(here: Here, text: str) -> None:
    assert here("jobs", "score", text).code == 3
