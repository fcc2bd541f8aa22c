"""What is left open is blamed on whoever left it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LEAKY = """
import gc, socket, sys

def leak():
    left = socket.create_server(("127.0.0.1", 0))
    around = [left]
    around.append(around)

def test_fails():
    left = [socket.create_server(("127.0.0.1", 0))]
    left.append(left)
    raise LookupError

def test_is_as_good_as_before():
    pass

def test_passes_and_leaks():
    leak()

def test_is_good_too():
    gc.collect()
"""


def test_each_test_answers_for_itself(tmp_path: Path) -> None:
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p"]
    done = subprocess.run(
        [*command, "tests.harness.leaks", "-rA", "test_leaky.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    told = [
        line.partition(" - ")[0] for line in lines if line.startswith(("PASSED", "ERROR ", "FA"))
    ]
    assert sorted(told) == [
        "ERROR test_leaky.py::test_passes_and_leaks",
        "FAILED test_leaky.py::test_fails",
        "PASSED test_leaky.py::test_is_as_good_as_before",
        "PASSED test_leaky.py::test_is_good_too",
        "PASSED test_leaky.py::test_passes_and_leaks",
    ], done.stdout
    assert "unclosed <socket.socket" in done.stdout
