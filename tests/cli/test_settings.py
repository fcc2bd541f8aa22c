"""What every command makes of the settings."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from image2model.cli.checks.findings import Finding, Level
from image2model.cli.checks.installation import _check_other_folder
from image2model.cli.main import SUMMARIES
from image2model.settings import load_settings, platform_data_dir
from tests.cli.drawing import draw_discs
from tests.cli.running import Here

ARGUMENTS: Mapping[str, list[str]] = {
    "generate": ["pictures", "-o", "out"],
    "serve": [],
    "worker": ["--queue", "cpu"],
    "convert": ["cube.obj", "-o", "out"],
    "inspect": ["cube.obj"],
    "jobs": ["list"],
    "verify": ["cube.obj"],
    "generators": ["list"],
    "ledger": [],
    "keys": ["list"],
    "webhooks": ["list"],
    "admin": ["status"],
    "migrate": [],
    "export": ["out"],
    "import": ["."],
    "doctor": [],
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    draw_discs(tmp_path / "pictures", "cup.png")
    (tmp_path / "cube.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"
    )


def test_all_commands_are_here() -> None:
    assert set(ARGUMENTS) == set(SUMMARIES)


@pytest.mark.parametrize("command", ARGUMENTS)
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "[a.example]"),
        ("IMAGE2MODEL_BUDGET__DAY_USD", "$5"),
        ("IMAGE2MODEL_BUDGET__DAY_US", "5"),
        ("IMAGE2MODEL_DATABASE_URL", "postgresql://u:geheim/x@h/db"),
    ],
)
def test_no_command_runs_with_a_value_that_cannot_work(
    here: Here, monkeypatch: pytest.MonkeyPatch, command: str, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    ended = here(command, *ARGUMENTS[command])
    assert ended.code == 10, ended.err
    told = ended.out if command == "doctor" else ended.err
    assert f"{variable}: " in told
    assert "geheim" not in f"{ended.out}{ended.err}"
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS) - {"serve", "worker", "import"}))
def test_every_command_says_once_that_a_name_is_mistyped(
    here: Here, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_FAL__CONCURENCY", "3")
    ended = here(command, *ARGUMENTS[command])
    told = ended.out if command == "doctor" else ended.err
    assert told.count("IMAGE2MODEL_FAL__CONCURENCY") == 1
    assert "id you mean IMAGE2MODEL_FAL__CONCURRENCY?" in told
    assert ended.code == (1 if command == "verify" else 0), ended.err


def test_json_on_standard_output_stays_json(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_FAL__CONCURENCY", "3")
    assert here("generators", "list", "--json").json["generators"]


# --- doctor fails where serve would -------------------------------------------------------------


def finding(here: Here, what: str) -> tuple[int, dict[str, str]]:
    ended = here("doctor", "--json")
    return ended.code, next(one for one in ended.json["findings"] if one["what"] == what)


def test_open_to_all_without_access_fails_in_both(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_SERVE__HOST", "0.0.0.0")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__PORT", "0")
    code, found = finding(here, "server access")
    assert (code, found["level"]) == (10, "failure")
    assert "IMAGE2MODEL_SERVE__ACCESS" in found["found"]
    served = here("serve")
    assert served.code == 10
    assert found["found"] in served.err


@pytest.mark.parametrize("access", ["keys", "sessions"])
def test_nobody_can_visit_without_an_allowed_name(
    here: Here, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_SERVE__HOST", "0.0.0.0")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__PORT", "0")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__ACCESS", access)
    code, found = finding(here, "server access")
    assert (code, found["level"]) == (1, "failure")
    assert "421" in found["found"]
    assert "IMAGE2MODEL_SERVE__ALLOWED_HOSTS" in found["advice"]
    monkeypatch.setenv("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "models.example")
    code, found = finding(here, "server access")
    assert (code, found["level"]) == (0, "ok")
    assert "models.example" in found["found"]


def test_an_address_that_cannot_be_bound_fails_in_both(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_SERVE__HOST", "192.0.2.1")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__ACCESS", "keys")
    code, found = finding(here, "server address")
    assert (code, found["level"]) == (1, "failure")
    served = here("serve")
    assert served.code == 10
    assert "IMAGE2MODEL_SERVE__HOST: " in served.err


# --- plug-ins -----------------------------------------------------------------------------------

GOOD = """
from image2model.core.generator import GeneratorCard, GeneratorId, RunsOn
from image2model.providers.function import FunctionProvider

def card(**changed):
    fields = dict(
        id=GeneratorId("acme/cube"), title="Cube", summary="Makes a cube.", good_for=["dice"],
        poor_for=["all else"], runs_on=RunsOn.NETWORK, licence="Yours", typical_s=1.0,
        options_schema={"type": "object", "additionalProperties": False},
    )
    return GeneratorCard(**{**fields, **changed})

async def make(work):
    return b""

def create(tools, cards=None, name="acme"):
    return FunctionProvider(name, [card()] if cards is None else cards, make)
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    (folder / "acme_parts_of_settings.py").write_text(GOOD)
    (folder / "acme_of_settings.py").write_text(f"from acme_parts_of_settings import *\n{source}\n")
    about = folder / "acme_models-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[image2model.providers]\nacme = acme_of_settings:create_provider\n"
    )
    monkeypatch.syspath_prepend(folder)
    for name in ("acme_parts_of_settings", "acme_of_settings"):
        monkeypatch.delitem(sys.modules, name, raising=False)


BROKEN = {
    "import acme_sdk": "ModuleNotFoundError: No module named 'acme_sdk'",
    "raise RuntimeError('no licence')": "RuntimeError: no licence",
    "import sys; sys.exit(3)": "SystemExit: 3",
    "": "AttributeError: module 'acme_of_settings' has no attribute 'create_provider'",
    "def create_provider(tools): return 1 / 0": "ZeroDivisionError: division by zero",
    "def create_provider(tools): return object()": "it has no name, cards, card, prepare",
    "def create_provider(tools): return create(tools, name='other')": "it calls itself 'other'",
    "def create_provider(tools): return create(tools, [card(), card()])": None,
    "def create_provider(tools): return create(tools, [card(id='other/cube')])": (
        "the id of 'other/cube' does not begin with 'acme/'"
    ),
    "def create_provider(tools): return create(tools, [card(typical_s='long')])": (
        "the card of 'acme/cube' has a wrong typical_s"
    ),
    "def create_provider(tools): return create(tools, [card(max_views='2')])": (
        "the card of 'acme/cube' has a wrong max_views"
    ),
    "def create_provider(tools): return create(tools, [card(good_for='dice')])": (
        "the card of 'acme/cube' has a wrong good_for"
    ),
    "def create_provider(tools): return create(tools, [card(price=0.2)])": (
        "the card of 'acme/cube' has a wrong price"
    ),
    "from image2model.core.generator import Price\n"
    "def create_provider(tools): return create(tools, [card(price=Price(base_usd=0.2))])": (
        "the card of 'acme/cube' has a wrong price"
    ),
    "def create_provider(tools): return create(tools, [card(options_schema={'type': 'box'})])": (
        "the options_schema of 'acme/cube' is no JSON Schema"
    ),
}


@pytest.mark.parametrize("broken", BROKEN.items(), ids=lambda broken: str(broken[1])[:40])
def test_a_plug_in_that_breaks_is_named_and_the_rest_works(
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: tuple[str, str | None],
) -> None:
    source, reason = broken
    install(tmp_path, monkeypatch, source)
    ended = here("generators", "list", "--json")
    assert ended.code == 0, ended.err
    ids = [one["id"] for one in ended.json["generators"]]
    assert "local/puff" in ids
    if reason is None:  # A provider that keeps its cards by id cannot have two of one id.
        assert "acme/cube" in ids
        return
    assert "acme/cube" not in ids
    told = f"the provider 'acme' of acme-models is left out: {reason}"
    assert told in caplog.text
    code, found = finding(here, "provider acme")
    assert (code, found["level"]) == (0, "warning")
    assert told in found["found"]
    asked = here("generators", "show", "acme/cube")
    assert asked.code == 3
    assert told in asked.err


def test_the_default_generator_of_a_broken_plug_in_says_so(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "raise RuntimeError('no licence')")
    monkeypatch.setenv("IMAGE2MODEL_DEFAULT_GENERATOR", "acme/cube")
    ended = here("generators", "list")
    assert ended.code == 10
    assert "IMAGE2MODEL_DEFAULT_GENERATOR: There is no generator 'acme/cube'" in ended.err
    assert "RuntimeError: no licence" in ended.err
    assert json.loads(here("doctor", "--json").out)["findings"]
    assert here("doctor").code == 10


@pytest.mark.parametrize("method", ["check", "aclose"])
def test_a_plug_in_that_breaks_later_breaks_nothing_else(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    source = (
        "class Breaking(FunctionProvider):\n"
        f"    async def {method}(self): raise RuntimeError('no licence')\n"
        "def create_provider(tools): return Breaking('acme', [card()], make)"
    )
    install(tmp_path, monkeypatch, source)
    ended = here("doctor")
    assert ended.code == 0, ended.err
    assert here("generators", "list").code == 0
    assert ("no licence" in ended.out) is (method == "check")


def test_an_entry_point_that_makes_no_sense_is_left_out(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "")
    points = tmp_path / "acme_models-1.0.dist-info" / "entry_points.txt"
    points.write_text("[image2model.providers]\nacme = acme provider!\n")
    code, found = finding(here, "provider acme")
    assert (code, found["level"]) == (0, "warning")


def test_jobs_in_the_folder_of_the_platform_are_pointed_out(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    other = platform_data_dir()
    other.mkdir(parents=True)
    (other / "image2model.db").touch()
    assert not [one for one in check_folders() if str(other) in one.found]
    monkeypatch.delenv("IMAGE2MODEL_DATA_DIR")
    (found,) = [one for one in check_folders() if one.level is Level.NOTE]
    assert str(other) in found.found
    assert found.advice == f"To use it set IMAGE2MODEL_DATA_DIR={other}"


def check_folders() -> Sequence[Finding]:
    return list(_check_other_folder(load_settings().data_dir))
