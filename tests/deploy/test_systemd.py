"""The systemd units start what there is."""

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from image2model.settings import load_settings
from tests.deploy.reading import DEPLOY, check_command, check_variables, environment_of
from tests.harness.patience import PATIENCE_S

FOLDER = DEPLOY / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
ENVIRONMENT = FOLDER / "image2model.env.example"
INSTANCES = {"image2model-web@": "8001", "image2model-worker@": "cpu"}


def section(unit: Path, name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds case
    parser.read(unit)
    return parser[name]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_starts_a_command_of_ours(unit: Path) -> None:
    service = section(unit, "Service")
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == "/opt/image2model/bin/image2model"
    instance = INSTANCES.get(unit.stem, "")
    check_command([argument.replace("%i", instance) for argument in arguments])
    assert service["EnvironmentFile"] in ENVIRONMENT.read_text()
    assert service["User"] == "image2model"


def test_units_need_units_that_exist() -> None:
    ours = {unit.name for unit in UNITS}
    assert len(ours) == 3
    for unit in UNITS:
        needed = section(unit, "Unit").get("Requires", "").split()
        assert set(needed) <= ours


def test_settings_are_settings_and_work(monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment_of(ENVIRONMENT)
    check_variables(list(given))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    # The one folder that the units may write.
    assert settings.data_dir == Path("/var/lib") / section(UNITS[0], "Service")["StateDirectory"]
    assert settings.effective_storage_url.startswith(f"file://{settings.data_dir}/")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """Installed as `docs/how-to/operate.md` says, apart from the program's place."""
    program = shutil.which("true")
    for unit in UNITS:
        text = unit.read_text().replace("/opt/image2model/bin/image2model", str(program))
        (tmp_path / unit.name).write_text(text)
    named = [tmp_path / f"{stem}{instance}.service" for stem, instance in INSTANCES.items()]
    for path in named:
        path.symlink_to(tmp_path / f"{path.stem.partition('@')[0]}@.service")
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, named)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    complaints = [line for line in told.stderr.splitlines() if "image2model" in line]
    assert complaints == []
