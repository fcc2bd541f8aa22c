"""Importing a module does nothing; and the core needs nothing but the standard library."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import image2model

PACKAGE = Path(image2model.__file__).parent
PROBE = Path(__file__).parent / "import_probe.py"


def probe(package: str, *folders: Path) -> dict[str, list[str]]:
    """Import all of *package* with an empty environment; answer what each module did besides."""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error::ImportWarning", PROBE, package, *folders],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    offences: dict[str, list[str]] = json.loads(done.stdout)
    return offences


def test_importing_any_module_does_nothing() -> None:
    assert probe("image2model") == {}


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("import os\nos.environ.get('HOME')", "environment HOME"),
        ("from os import getenv\ngetenv('FAL_KEY')", "environment FAL_KEY"),
        ("import pathlib\npathlib.Path('/dev/null').read_text()", "open /dev/null"),
        ("import socket\nsocket.socket().close()", "socket.__new__"),
        ("import threading\nthreading.Timer(60, print).start()", "thread Thread-"),
        ("import subprocess\nsubprocess.run(['/bin/true'])", "subprocess.Popen /bin/true"),
        ("import no_such_library", "ModuleNotFoundError"),
        ("from guilty import nothing", "ImportError"),
    ],
)
def test_probe_finds_what_a_module_does(tmp_path: Path, source: str, offence: str) -> None:
    """Guards the test above: each kind of work is seen, even two folders down."""
    (tmp_path / "guilty" / "inner").mkdir(parents=True)
    (tmp_path / "guilty" / "__init__.py").touch()
    (tmp_path / "guilty" / "inner" / "__init__.py").touch()
    (tmp_path / "guilty" / "inner" / "module.py").write_text(source)
    offences = probe("guilty", tmp_path)
    assert list(offences) == ["guilty.inner.module"]
    assert any(offence in found for found in offences["guilty.inner.module"])


@pytest.mark.parametrize("module", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda p: p.stem)
def test_core_needs_only_the_standard_library(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("image2model.core")} == set()
