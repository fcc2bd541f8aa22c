"""What is shipped is known, hashed and licensed, and is not updated in haste."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.bill_of_materials import (
    NOTICES,
    Unlicensed,
    bill_of_materials,
    bundled_packages,
    check_licence,
    python_licence,
)
from tools.bootstrap import OLDEST_UV

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    if not NOTICES.is_file():
        pytest.skip("the web app is not built; make web")
    return bill_of_materials()


def test_bill_of_materials_is_valid(bill: dict[str, Any]) -> None:
    # The validator compares each file with each: with a few of them it takes seconds, not minutes.
    parts = [
        {**part, "externalReferences": part.get("externalReferences", [])[:2]}
        for part in [*bill["components"][:10], *bill["components"][-10:]]
    ]
    shorter = json.dumps({**bill, "components": parts})
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(shorter) is None


def test_bill_of_materials_names_everything(bill: dict[str, Any]) -> None:
    names = {part["name"] for part in bill["components"]}
    # Of Python, of an extra, of the web app, and what lies in the repository.
    assert {"fastapi", "celery", "three", "meshoptimizer"} <= names
    assert not names & {"pytest", "vite", "moto"}
    assert all(part["licenses"] and part["version"] for part in bill["components"])


def test_bill_of_materials_is_the_same_each_time(bill: dict[str, Any]) -> None:
    assert bill_of_materials() == bill


@pytest.mark.parametrize(
    "expression",
    ["MIT", "Apache-2.0 WITH LLVM-exception", "GPL-3.0-only OR MIT", "BSD-3-Clause AND 0BSD"],
)
def test_what_may_be_shipped(expression: str) -> None:
    check_licence("something", expression)


@pytest.mark.parametrize(
    "expression", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "SSPL-1.0"]
)
def test_what_may_not_be_shipped(expression: str) -> None:
    with pytest.raises(Unlicensed, match="something"):
        check_licence("something", expression)


def test_an_unknown_licence_is_no_licence() -> None:
    with pytest.raises(Unlicensed, match="no-such-package"):
        python_licence("no-such-package")
    with pytest.raises(Unlicensed, match="make web"):
        list(bundled_packages("# Licenses\n"))


def test_every_python_package_is_installed_by_its_hash() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    packages = [one for one in lock["package"] if "editable" not in one["source"]]
    assert len(packages) > 100
    for package in packages:
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        assert files, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]


@pytest.mark.parametrize("folder", ["frontend", "tests/khronos"])
def test_every_npm_package_is_installed_by_its_hash(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    # Those in a bundle come within another package.
    packages = {
        path: one for path, one in lock["packages"].items() if path and not one.get("inBundle")
    }
    assert packages
    assert not [path for path, one in packages.items() if "integrity" not in one]


def test_updates_wait_until_others_had_them() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {one["package-ecosystem"] for one in updates} >= {"uv", "npm", "docker"}
    assert all(one["cooldown"]["default-days"] >= 7 for one in updates)


def test_the_image_is_built_with_a_uv_that_was_chosen() -> None:
    pinned = re.search(r"pip install \S+ uv==(\d+)\.(\d+)\.\d+\n", _dockerfile())
    assert pinned
    assert (int(pinned[1]), int(pinned[2])) == OLDEST_UV


def test_the_images_that_it_is_built_on_can_be_pinned() -> None:
    froms = re.findall(r"^FROM (\S+)", _dockerfile(), re.MULTILINE)
    assert froms
    assert all(
        re.search(rf"^ARG {name[1:]}=\S+:\S+$", _dockerfile(), re.MULTILINE) for name in froms
    )


def _dockerfile() -> str:
    return (ROOT / "deploy/Dockerfile").read_text()
