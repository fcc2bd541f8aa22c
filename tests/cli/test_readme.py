"""The lines of the README work as they are printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import Script

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text()
SERVER = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [block for block in found if not block.startswith("make ")]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout after `make run`."""
    top = tmp_path / "checkout"
    (top / ".venv" / "bin").mkdir(parents=True)
    for name in ("image2model", "python"):
        (top / ".venv" / "bin" / name).write_text(
            f'#!/bin/sh\nexec "{Path(sys.executable).with_name(name)}" "$@"\n'
        )
        (top / ".venv" / "bin" / name).chmod(0o755)
    (top / "examples").symlink_to(TOP / "examples")
    monkeypatch.chdir(top)
    return top


def run(lines: str, *, shell: str = "/bin/sh") -> str:
    flags = ["-eu"] if shell == "/bin/sh" else []
    done = subprocess.run(
        [shell, *flags, "-c", lines], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_line_works(checkout: Path, script: Script) -> None:
    running = script.start("serve", "--port", "0")
    url = running.first_output().split()[4]
    commands, http, keys = (block.replace(SERVER, url) for block in blocks("sh"))
    run(commands)
    made = {path.name for path in (checkout / "models").iterdir()}
    assert {"badge.glb", "badge.stl", "mug.glb", "teddy.glb"} <= made
    (checkout / "models" / "mug.glb").unlink()
    assert "event: end" in run(http)
    assert (checkout / "models" / "mug.glb").read_bytes().startswith(b"glTF")
    assert '"jobs":[]' in run(keys).replace(" ", ""), "the key is not known to the server"
    (python,) = (block.replace(SERVER, url) for block in blocks("python"))
    (checkout / "models" / "mug.glb").unlink()
    run(python, shell=".venv/bin/python")
    assert (checkout / "models" / "mug.glb").read_bytes().startswith(b"glTF")
    # All of it is in folders that neither Git nor a package takes in.
    assert sorted(path.name for path in checkout.iterdir()) == [".venv", "examples", "models"]


def test_nothing_is_named_that_no_registry_has() -> None:
    pages = [TOP / "README.md", *(TOP / "docs").rglob("*.md")]
    for page in pages:
        assert not re.search(r"install\S* .?image2model", page.read_text()), page
