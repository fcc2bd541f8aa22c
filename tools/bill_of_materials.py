"""Writes the bill of materials: what an installation brings, with versions, hashes and licences.

    .venv/bin/python -m tools.bill_of_materials dist/image2model.cdx.json

The format is CycloneDX 1.5. Python packages and their hashes are those of `uv.lock`, with the
extras `scaled` and `telemetry`; packages of the web app are those that its build bundled. Fails
where something has no licence that may be shipped.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from license_expression import get_spdx_licensing

from tools.bootstrap import ROOT, installed_uv, uv_environment

NOTICES = ROOT / "src/image2model/webapp/third-party-licenses.md"
"""Written by the build of the web app."""

EXTRAS = ("scaled", "telemetry")

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "LLVM-exception",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
        # Libraries that are loaded as they are and can be replaced.
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
    }
)
"""Licences of what may be shipped. GPL and AGPL are not among them."""

LICENCES: Mapping[str, str] = {
    "amqp": "BSD-3-Clause",
    "async-timeout": "Apache-2.0",
    "billiard": "BSD-3-Clause",
    "celery": "BSD-3-Clause",
    "certifi": "MPL-2.0",
    "charset-normalizer": "MIT",
    "click-didyoumean": "MIT",
    "click-plugins": "BSD-3-Clause",
    "click-repl": "MIT",
    "colorama": "BSD-3-Clause",
    "dracopy": "Apache-2.0",
    "et-xmlfile": "MIT",
    "h11": "MIT",
    "httpx2-jsfetch": "BSD-3-Clause",
    "hyperframe": "MIT",
    "kombu": "BSD-3-Clause",
    "manifold3d": "Apache-2.0",
    "mapbox-earcut": "ISC",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "obstore": "MIT",
    # Its wheels hold FFmpeg.
    "opencv-python-headless": "Apache-2.0 AND LGPL-2.1-or-later",
    "openpyxl": "MIT",
    # Its wheels hold libheif and libde265.
    "pi-heif": "BSD-3-Clause AND LGPL-3.0-or-later",
    "prompt-toolkit": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "python-dotenv": "BSD-3-Clause",
    "requests": "Apache-2.0",
    "rich": "MIT",
    "shellingham": "ISC",
    "six": "MIT",
    "tzdata": "Apache-2.0",
    "uvloop": "Apache-2.0 OR MIT",
    "vine": "BSD-3-Clause",
    "wcwidth": "MIT",
}
"""Of packages that do not state theirs, or not all of it, as an SPDX expression."""

_BUNDLED = re.compile(r"^## (?P<name>\S+) - (?P<version>\S+) \((?P<licence>[^)]+)\)$", re.MULTILINE)


class Unlicensed(Exception):
    """Something would be shipped whose licence is unknown or not allowed."""


def main() -> None:
    """Write the bill to the file that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    try:
        bill = bill_of_materials()
    except Unlicensed as error:
        sys.exit(str(error))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    print(f"{file}: {len(bill['components'])} components")


def bill_of_materials() -> dict[str, Any]:
    """
    Collect everything.

    Raises:
        Unlicensed: A component may not be shipped.
    """
    bill = locked_packages()
    bill["components"] = [
        *(_licensed(part, python_licence(part["name"])) for part in bill["components"]),
        *bundled_packages(NOTICES.read_text(encoding="utf-8")),
        *copied_sources(),
    ]
    return bill


def locked_packages() -> dict[str, Any]:
    """Have uv describe what it would install, without a licence each."""
    uv = installed_uv()
    if uv is None:
        sys.exit("There is no uv yet. Run: make set-up")
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    command: list[str | Path] = [uv, "export", "--frozen", "--offline", "--no-dev", *extras]
    form = ["--format", "cyclonedx1.5", "--preview-features", "sbom-export"]
    done = subprocess.run(
        [*command, *form],
        cwd=ROOT,
        env=uv_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    described: dict[str, Any] = json.loads(done.stdout)
    # Nothing that changes with the moment, so that the same sources give the same bill.
    described.pop("serialNumber", None)
    described["metadata"].pop("timestamp", None)
    return described


def python_licence(package: str) -> str:
    """
    Tell the licence of an installed or known package, as an SPDX expression.

    Raises:
        Unlicensed: Nobody has said it.
    """
    if package in LICENCES:
        return LICENCES[package]
    try:
        stated = metadata(package).json.get("license_expression")
    except PackageNotFoundError:
        stated = None  # For other systems than this one.
    if not stated:
        raise Unlicensed(f"The licence of {package} is unknown. Read it, and add it to LICENCES.")
    return str(stated)


def bundled_packages(notices: str) -> Iterable[dict[str, Any]]:
    """
    List what the web app's build bundled, from the *notices* that it wrote.

    Raises:
        Unlicensed: A package may not be shipped, or there is none in the notices.
    """
    found = list(_BUNDLED.finditer(notices))
    if not found:
        raise Unlicensed("The web app's notices name no package. Build it again: make web")
    for package in found:
        name, version = package["name"], package["version"]
        part = {
            "type": "library",
            "bom-ref": f"npm-{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:npm/{name.replace('@', '%40')}@{version}",
        }
        yield _licensed(part, package["licence"])


def copied_sources() -> Iterable[dict[str, Any]]:
    """List what of others lies in the repository and is shipped with it."""
    folder = ROOT / "src/image2model/geometry/meshoptimizer"
    version = re.search(r"\d+\.\d+\.\d+", (folder / "ORIGIN.md").read_text(encoding="utf-8"))
    assert version, folder
    part = {
        "type": "library",
        "bom-ref": f"meshoptimizer@{version[0]}",
        "name": "meshoptimizer",
        "version": version[0],
        "purl": f"pkg:github/zeux/meshoptimizer@v{version[0]}",
    }
    yield _licensed(part, "MIT")


def check_licence(name: str, expression: str) -> None:
    """
    Insist that *expression* is of licences that may be shipped, or leaves the choice of one.

    Raises:
        Unlicensed: It is not.
    """
    spdx = get_spdx_licensing()
    parsed = spdx.parse(expression, validate=True)
    alternatives = parsed.args if isinstance(parsed, spdx.OR) else (parsed,)
    if any(set(spdx.license_keys(alternative)) <= ALLOWED for alternative in alternatives):
        return
    raise Unlicensed(f"{name} may not be shipped: its licence is {expression}.")


def _licensed(part: Mapping[str, Any], expression: str) -> dict[str, Any]:
    check_licence(part["name"], expression)
    return {**part, "licenses": [{"expression": expression}]}


if __name__ == "__main__":
    main()
