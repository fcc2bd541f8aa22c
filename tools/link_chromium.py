"""Puts `.tools/chromium`: the machine's Chromium, installed first where that is allowed."""

import shutil
import sys
from pathlib import Path

from tools.debian import by_hand, install, may_install

ROOT = Path(__file__).resolve().parent.parent
LINK = ROOT / ".tools" / "chromium"

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Make the link anew."""
    program = chromium_on_path()
    if program is None and may_install():
        install("chromium")
        program = chromium_on_path()
    if program is None:
        sys.exit(f"The web app's tests need Chromium. Install it:\n    {by_hand('chromium')}")
    LINK.parent.mkdir(exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(program)


def chromium_on_path() -> str | None:
    """Find a Chromium; None: there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


if __name__ == "__main__":
    main()
