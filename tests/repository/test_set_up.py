"""The set-up works on a machine without a compiler, and what it installs makes models."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from image2model.geometry.formats.reading import read_model
from image2model.geometry.inspection.facts import inspect_meshes

ROOT = Path(__file__).parents[2]

NEEDED = ("pyproject.toml", "uv.lock", "hatch_build.py", "README.md", "LICENSE", "tools")

COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++", "cl", "rustc", "cargo", "cmake", "make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh copy of what the program is set up from."""
    folder = tmp_path / "image2model"
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    without = shutil.ignore_patterns("webapp", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=without)
    own_uv = ROOT / ".tools" / "uv"
    if own_uv.exists():
        (folder / ".tools").mkdir()
        (folder / ".tools" / "uv").symlink_to(own_uv)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """Surroundings without compilers, and without anything that was compiled here before."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "env", "uv"):
        found = shutil.which(name)
        if found is not None:
            (programs / name).symlink_to(found)
    (programs / "python3").symlink_to(sys.executable)
    downloads = os.environ.get("UV_CACHE_DIR") or str(ROOT / ".cache" / "uv")
    cache = tmp_path / "cache"
    cache.mkdir()
    for part in Path(downloads).glob("*-v*"):
        # Wheels that were built of sources lie beside the sources.
        if not part.name.startswith(("sdists", "builds", "environments")):
            (cache / part.name).symlink_to(part)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("UV_", "PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy"))
    }
    missing = str(tmp_path / "no-compiler-here")
    return {
        **kept,
        "HOME": str(tmp_path),
        "PATH": str(programs),
        "CC": missing,
        "CXX": missing,
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": "symlink",
        "UV_NO_BUILD": "1",
    }


def run(*command: str | Path, folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_set_up_needs_no_compiler(checkout: Path, environment: Mapping[str, str]) -> None:
    assert not any(shutil.which(name, path=environment["PATH"]) for name in COMPILERS)
    run("sh", "tools/bootstrap", "runtime", folder=checkout, environment=environment)
    program = checkout / ".venv" / "bin" / "image2model"
    picture = ROOT / "examples" / "pictures" / "mug.png"
    asked = ("--generator", "local/puff", "--faces", "2000")
    run(program, "generate", picture, "-o", "out", *asked, folder=checkout, environment=environment)
    (model,) = (checkout / "out").glob("*.glb")
    facts = inspect_meshes(read_model(model.read_bytes()).meshes)
    assert facts.watertight
    assert 1_500 < facts.faces <= 2_000
