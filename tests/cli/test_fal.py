"""The whole command line with fal.ai's generators: its simulator runs as a process of its own."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from image2model.geometry.gltf.container import parse_glb
from tests.cli.drawing import draw_discs
from tests.cli.running import Here, names_in

TRIPO = "fal/tripo-v2.5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """
    A running `python -m image2model.testing.fal_simulator`.

    Attributes:
        control: Where it is told what to do.
    """

    control: httpx2.Client

    def tell(self, what: str, **more: Any) -> None:
        """Tell it to do something."""
        self.control.post(f"/{what}", json=more).raise_for_status()

    def ledger(self) -> dict[str, Any]:
        """Read what it received."""
        received: dict[str, Any] = self.control.get("/ledger").json()
        return received

    @property
    def calls(self) -> dict[str, int]:
        """How often it was called for what, besides this."""
        calls: dict[str, int] = self.ledger()["calls"]
        return {name: count for name, count in calls.items() if name != "connect"}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    command = [sys.executable, "-m", "image2model.testing.fal_simulator"]
    with subprocess.Popen(
        [*command, "--median-s", "0", "--mesh-bytes", "20000"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        # As `docs/how-to/use-fal.md` says it: the lines that follow are the environment.
        for line in iter(process.stdout.readline, ""):
            name, _, value = line.strip().partition("=")
            monkeypatch.setenv(name, value)
            if name == "FAL_KEY":
                break
        with httpx2.Client(base_url=about["control_url"], trust_env=False) as control:
            yield Simulator(control=control)
        process.terminate()


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> None:
    draw_discs(tmp_path / "examples" / "pictures", "cup.png", "mug.png")


def test_a_folder_of_folders_into_the_usual_folder(
    here: Here, simulator: Simulator, tmp_path: Path
) -> None:
    """With no more than what to make of what; again costs nothing."""
    command = ("generate", "examples/", "--generator", TRIPO)
    plan = here(*command, "--dry-run")
    assert "$0.60" in plan.out
    assert simulator.calls == {}
    assert here(*command).code == 0
    assert {"cup.glb", "mug.glb"} <= set(names_in(tmp_path / "models"))
    assert here(*command).code == 0
    assert list(simulator.ledger()["accepted_per_picture"].values()) == [1, 1]


def test_a_corrected_spreadsheet_costs_nothing(
    here: Here, simulator: Simulator, tmp_path: Path
) -> None:
    """Other titles, sizes, notes and formats: what was bought is described and formed anew."""
    out, sheet = tmp_path / "out", tmp_path / "objects.csv"

    def generate(rows: str, *more: str) -> Any:
        sheet.write_text(f"picture,title,accession number,height_mm,face limit,notes\n{rows}")
        ended = here(
            "generate", "examples", "-o", out, "-g", TRIPO, "--sheet", sheet, "--json", *more
        )
        assert ended.code == 0, ended.err
        items = ended.json["items"]
        assert list(simulator.ledger()["accepted_per_picture"].values()) == [1, 1]
        return {item["name"]: item["result"]["facts"] for item in items}

    made = generate("cup.png,Tasse,12.1,80,,\n")
    assert (made["Tasse"]["height_mm"], made["Tasse"]["scaled_to"]) == (80, "height_mm")
    made = generate("cup.png,Teacup,12.2,95.5,200,rim chipped\nmug.png,,13.1,110,,\n")
    assert {name: facts["height_mm"] for name, facts in made.items()} == {
        "Teacup": 95.5,
        "mug": 110,
    }
    assert made["Teacup"]["faces"] <= 200
    assert {"Tasse.glb", "Teacup.glb", "mug.glb"} <= set(names_in(out))
    extras = parse_glb((out / "Teacup.glb").read_bytes()).document["scenes"][0]["extras"]
    assert (extras["accession_number"], extras["notes"]) == ("12.2", "rim chipped")
    extras = parse_glb((out / "mug.glb").read_bytes()).document["scenes"][0]["extras"]
    assert extras["accession_number"] == "13.1"
    made = generate("cup.png,Teacup,12.2,95.5,200,\n", "--format", "glb,stl", "--pivot", "base")
    assert {"Teacup.stl", "mug.stl"} <= set(names_in(out))
    assert "scaled_to" not in made["mug"]
    spent = here("ledger", "--json").json["entries"]
    assert len(spent) == 2


def test_the_catalogue_is_listed_with_prices(here: Here, simulator: Simulator) -> None:
    assert f"{TRIPO} (default)" in here("generators", "list").out
    listed = {one["id"]: one for one in here("generators", "list", "--json").json["generators"]}
    assert listed[TRIPO]["price"]["base_usd"] == 0.2
    shown = here("generators", "show", "fal/hunyuan3d-v3.1-pro").out
    assert "Price of an item: $0.38" in shown
    assert "+$0.15 with face_count=… (any value)" in shown
    assert "+$0.15 with more than one picture" in shown
    assert simulator.calls == {}


def test_the_ledger_is_listed_and_exported(
    here: Here, simulator: Simulator, tmp_path: Path
) -> None:
    assert here("ledger").out == "Nothing was sent.\n"
    job = here("generate", "examples", "-o", "out", "-g", TRIPO, "--json").json
    here("jobs", "delete", job["id"], "--yes")
    listed = here("ledger").out
    assert listed.count(TRIPO) == 2
    assert "Booked: $0.60" in listed
    entries = here("ledger", "--json").json["entries"]
    assert {entry["item"] for entry in entries} == {"cup", "mug"}
    assert here("ledger", "--csv", "spent.csv").out == ""
    exported = (tmp_path / "spent.csv").read_text(encoding="utf-8")
    assert here("ledger", "--csv", "-").out.splitlines() == exported.splitlines()
    (tmp_path / "mine.csv").write_bytes(b"mine")
    assert here("ledger", "--csv", "spent.csv").err == ""
    assert "this one is mine-2.csv" in here("ledger", "--csv", "mine.csv").err
    assert (tmp_path / "mine.csv").read_bytes() == b"mine"
    assert (tmp_path / "mine-2.csv").read_text(encoding="utf-8") == exported
    rows = list(csv.DictReader(io.StringIO(exported)))
    assert [float(row["cost_usd"]) for row in rows] == [0.3, 0.3]
    assert {row["request_id"] for row in rows} == {entry["request_id"] for entry in entries}
    assert here("ledger", "--until", "2001-01-01").out == "Nothing was sent.\n"
    assert here("ledger", "--since", "2001-01-01", "--json").json["entries"] == entries


def test_links_leave_the_files_with_the_provider(
    here: Here, simulator: Simulator, tmp_path: Path
) -> None:
    """They are saved where the command says, and cannot be had again once they have expired."""
    made = here("generate", "examples", "-o", "out", "-g", TRIPO, "--links", "--json").json
    assert made["keep"] == "links"
    assert "cup.glb" in names_in(tmp_path / "out")
    files = [file for item in made["items"] for file in item["result"]["files"]]
    assert all(file["provider_url"] and file["expires_at"] for file in files)
    again = here("jobs", "download", made["id"], "-o", "again")
    assert again.code == 0
    simulator.tell("expire")
    late = here("jobs", "download", made["id"], "-o", "late", "--format", "stl")
    assert late.code == 1
    assert "no cup.stl: 'cup.glb' was kept by the provider only" in late.err


def test_what_stops_a_whole_job_is_said_once(here: Here, simulator: Simulator) -> None:
    simulator.tell("account", balance_usd=0)
    command = ("generate", "examples", "-o", "out", "-g", TRIPO)
    ended = here(*command)
    assert ended.code == 1
    assert ended.out.count("Top up at https://fal.ai/dashboard/billing") == 1
    assert ended.err.count("Top up at https://fal.ai/dashboard/billing") == 1
    assert len(simulator.ledger()["submits"]) == 1
    simulator.tell("account", balance_usd=10)
    assert here(*command).code == 0


def test_a_wrong_key_is_said_once(
    here: Here, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_KEY", "secret-but-mistyped")
    ended = here("generate", "examples", "-o", "out", "-g", TRIPO)
    assert ended.code == 1
    assert ended.out.count("the API key is not accepted. Check FAL_KEY") == 1
    assert "mistyped" not in ended.out + ended.err
    assert simulator.ledger()["submits"] == []


def test_budgets_are_kept(
    here: Here, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("generate", "examples", "-o", "out", "-g", TRIPO)
    assert here(*command, "--budget", "0.5").code == 6
    assert len(simulator.ledger()["submits"]) == 1
    monkeypatch.setenv("IMAGE2MODEL_BUDGET__DAY_USD", "0.5")
    assert here(*command).code == 6
    assert len(simulator.ledger()["submits"]) == 1
    monkeypatch.setenv("IMAGE2MODEL_BUDGET__DAY_USD", "0.6")
    assert here(*command).code == 0
    assert set(simulator.ledger()["accepted_per_picture"].values()) == {1}


def test_the_same_command_pays_again_for_what_is_lost_by_a_word_of_its_own(
    here: Here, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_COLLECT_S", "1")
    simulator.tell("faults", on="run", action="mesh_html", times=1)
    command = ("generate", "examples", "-o", "out", "-g", TRIPO)
    for again in (command, command, ("jobs", "retry", "last")):
        ended = here(*again)
        assert ended.code == (0 if again[0] == "jobs" else 1)
        assert "--resubmit" in ended.out
        assert "$0.30" in ended.out
        assert len(simulator.ledger()["submits"]) == 2
    job = here("jobs", "show", "last", "--json").json
    assert job["cost"]["booked_usd"] == pytest.approx(0.6)
    assert "Booked: $0.60" in here("ledger").out
    paid = here(*command, "--resubmit")
    assert paid.code == 0
    assert "for about $0.30" in paid.err
    assert len(simulator.ledger()["submits"]) == 3
    assert {"cup.glb", "mug.glb"} <= set(names_in(tmp_path / "out"))
    assert "Booked: $0.90" in here("ledger").out
    assert here(*command, "--resubmit").code == 0
    assert len(simulator.ledger()["submits"]) == 3


def test_retry_makes_again_what_is_lost_where_it_is_told_to(
    here: Here, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_COLLECT_S", "1")
    simulator.tell("faults", on="run", action="mesh_empty", times=1)
    assert here("generate", "examples", "-o", "out", "-g", TRIPO).code == 1
    job = here("jobs", "retry", "last", "--resubmit", "--json").json
    assert job["counts"]["succeeded"] == 2
    assert len(simulator.ledger()["submits"]) == 3


def test_another_command_with_the_same_pictures_pays_no_second_time(
    here: Here, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first one has paid for is fetched first, and lost only by a decision."""
    monkeypatch.setenv("IMAGE2MODEL_COLLECT_S", "1")
    simulator.tell("faults", on="run", action="mesh_html", times=1)
    command = ("generate", "examples", "-o", "out", "-g", TRIPO)
    assert here(*command).code == 1
    other = here(*command, "--format", "stl")
    assert other.code == 4
    assert "paid for and still without models" in other.err
    assert "--resubmit" in other.err
    assert len(simulator.ledger()["submits"]) == 2
    assert here(*command, "--format", "stl", "--resubmit").code == 0
    assert len(simulator.ledger()["submits"]) == 3
    assert {"cup.stl", "mug.stl"} <= set(names_in(tmp_path / "out"))
