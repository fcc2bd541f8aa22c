"""Puts `.tools/chromium`: the machine's Chromium, installed first where that is allowed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = ROOT / ".tools" / "chromium"

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium")


def main() -> None:
    """Make the link anew."""
    program = chromium_on_path()
    if program is None and may_install():
        install()
        program = chromium_on_path()
    if program is None:
        sys.exit(f"The web app's tests need Chromium. Install it:\n    sudo {' '.join(INSTALL)}")
    LINK.parent.mkdir(exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(program)


def chromium_on_path() -> str | None:
    """Find a Chromium; None: there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def may_install() -> bool:
    """Tell whether this is root on a Debian."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install() -> None:
    """Install Chromium, from fresh lists if the ones at hand do not lead to it."""
    print("Installing Chromium …", file=sys.stderr)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (INSTALL, ("apt-get", "update"), INSTALL):
        done = subprocess.run(command, env=env, check=False, stdout=subprocess.DEVNULL)
        if command == INSTALL and done.returncode == 0:
            return


if __name__ == "__main__":
    main()
