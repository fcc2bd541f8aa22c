"""What is built of the checkout: a package with the web app, and nothing that lies about."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = "src/image2model/webapp/index.html"
PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore", "uv.lock")
STRAYS = (
    "cookies.txt",
    "job.json",
    "mug.glb",
    "models/a.glb",
    "demo-output/b.glb",
    ".data/jobs.db",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy without the web app, with what following the README leaves in it."""
    top = tmp_path / "checkout"
    without = shutil.ignore_patterns("webapp", "__pycache__")
    shutil.copytree(TOP / "src", top / "src", ignore=without)
    for name in PARTS:
        shutil.copy(TOP / name, top / name)
    for name in STRAYS:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text("mine")
    return top


def build(top: Path, *what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOP / "tools" / "bootstrap.py"), "uv", "build", str(top)]
    command += ["--out-dir", str(top.parent / "dist"), *what]
    offline = subprocess.run(
        [*command, "--offline"], env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if offline.returncode and "hatchling" in offline.stderr and "network" in offline.stderr:
        return subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
    return offline


@pytest.mark.parametrize("what", ["--wheel", "--sdist"])
def test_nothing_is_built_silently_without_the_web_app(checkout: Path, what: str) -> None:
    done = build(checkout, what)
    assert done.returncode != 0
    assert "The web app is not built" in done.stderr
    assert "make web" in done.stderr
    assert not list((checkout.parent / "dist").glob("image2model*"))


def test_who_wants_no_web_app_says_so(checkout: Path) -> None:
    done = build(checkout, "--wheel", WITHOUT_WEB_APP="1")
    assert done.returncode == 0, done.stderr


def test_an_installation_in_place_needs_no_web_app(checkout: Path) -> None:
    target = checkout.parent / "target"
    command = [sys.executable, str(TOP / "tools" / "bootstrap.py"), "uv", "pip", "install"]
    command += ["--no-deps", "--target", str(target), "--editable", str(checkout)]
    for more in (["--offline"], []):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    assert list(target.glob("image2model-*.dist-info"))


def test_packages_hold_the_web_app_and_nothing_that_lies_about(checkout: Path) -> None:
    (checkout / PAGE).parent.mkdir()
    (checkout / PAGE).write_text("<!doctype html>")
    done = build(checkout)
    assert done.returncode == 0, done.stderr
    (source,) = (checkout.parent / "dist").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {PAGE, "hatch_build.py", "uv.lock", "src/image2model/settings.py"} <= names
    assert not names & set(STRAYS)
    (wheel,) = (checkout.parent / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive_of_wheel:
        packed = set(archive_of_wheel.namelist())
    assert "image2model/webapp/index.html" in packed
    assert not [name for name in packed if Path(name).name in {Path(one).name for one in STRAYS}]


def test_the_same_sources_make_the_same_wheel(checkout: Path) -> None:
    (checkout / PAGE).parent.mkdir()
    (checkout / PAGE).write_text("<!doctype html>")
    digests = set()
    for modified_at_s in (1_600_000_000, 1_700_000_000):
        for path in checkout.rglob("*"):
            os.utime(path, (modified_at_s, modified_at_s))
        done = build(checkout, "--wheel")
        assert done.returncode == 0, done.stderr
        (wheel,) = (checkout.parent / "dist").glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_what_goes_into_the_source_distribution_exists() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    for name in project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]:
        assert (TOP / name).exists(), name


def test_make_run_keeps_jobs_where_the_commands_look() -> None:
    """Both have the default of the settings: `.data` in the checkout."""
    assert "IMAGE2MODEL_DATA_DIR" not in (TOP / "Makefile").read_text()
