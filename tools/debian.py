"""Installs packages of Debian, and of what descends from it, where that is allowed."""

import os
import shutil
import subprocess
import sys

_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends")


def may_install() -> bool:
    """Tell whether this is root on a Debian."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install *packages*, from fresh lists if the ones at hand do not lead to them."""
    print(f"Installing {', '.join(packages)} …", file=sys.stderr)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wanted = (*_INSTALL, *packages)
    for command in (wanted, ("apt-get", "update"), wanted):
        done = subprocess.run(command, env=env, check=False, stdout=subprocess.DEVNULL)
        if command == wanted and done.returncode == 0:
            return


def by_hand(*packages: str) -> str:
    """Say what a person types to install *packages*."""
    return f"sudo {' '.join(_INSTALL)} {' '.join(packages)}"
