"""Nobody who installs it needs a compiler: all that it depends on comes ready built."""

import functools
import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).parents[2]

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

EXTRAS = ("scaled", "telemetry")
"""Those that bring anything; `heic` is a name that older commands still use."""


def glibc(machine: str) -> Sequence[str]:
    """List what runs with glibc 2.28, of 2018, or newer."""
    named = {"1": 5, "2010": 12, "2014": 17}
    old = [
        f"manylinux{name}_{machine}"
        for name, minor in named.items()
        if minor >= 17 or machine == "x86_64"
    ]
    return [*(f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)), *old]


PLATFORMS: Mapping[str, tuple[Sequence[str], Mapping[str, str]]] = {
    "Linux on x86-64": (
        glibc("x86_64"),
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    ),
    "Linux on ARM": (
        glibc("aarch64"),
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    ),
    "Alpine Linux on x86-64": (
        ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"],
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    ),
    "Alpine Linux on ARM": (
        ["musllinux_1_2_aarch64", "musllinux_1_1_aarch64"],
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    ),
    "macOS on Apple silicon": (
        list(mac_platforms((14, 0), "arm64")),
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    ),
    "macOS on Intel": (
        list(mac_platforms((14, 0), "x86_64")),
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "x86_64"},
    ),
    "Windows": (
        ["win_amd64"],
        {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
    ),
}

KNOWN_GAPS = {
    (package, python, platform)
    for package in ("manifold3d", "opencv-python-headless")
    for python in PYTHONS
    for platform in ("Alpine Linux on x86-64", "Alpine Linux on ARM")
}
"""What has no wheel yet; `docs/how-to/install.md` says so, too."""


@functools.cache
def lock() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Read the lock file: the packages by name and version."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {(package["name"], package["version"]): package for package in packages}


@functools.cache
def versions(name: str) -> Sequence[str]:
    return [version for known, version in lock() if known == name]


def environment(python: str, platform: str) -> dict[str, str]:
    _, said = PLATFORMS[platform]
    return {
        **said,
        "os_name": "nt" if said["sys_platform"] == "win32" else "posix",
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def applies(dependency: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    marker = dependency.get("marker")
    return marker is None or Marker(marker).evaluate(dict(environment))


def needed(environment: Mapping[str, str], extras: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Walk through all that is installed there, beside the project itself."""
    (own,) = versions("image2model")
    waiting: list[tuple[str, str, str]] = [
        ("image2model", own, ""),
        *(("image2model", own, extra) for extra in extras),
    ]
    seen = set(waiting)
    while waiting:
        name, version, extra = waiting.pop()
        package = lock()[name, version]
        if name != "image2model":
            yield name, version
        wanted = (
            package.get("optional-dependencies", {}).get(extra, [])
            if extra
            else package.get("dependencies", [])
        )
        for dependency in wanted:
            if "marker" in dependency and not Marker(dependency["marker"]).evaluate(
                dict(environment)
            ):
                continue
            found = dependency.get("version") or versions(dependency["name"])[0]
            for one in ("", *dependency.get("extra", [])):
                step = (dependency["name"], found, one)
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)


@functools.cache
def tags(python: str, platform: str) -> frozenset[Tag]:
    """All that a Python there can install."""
    platforms, _ = PLATFORMS[platform]
    major, minor = (int(part) for part in python.split("."))
    return frozenset(
        [
            *cpython_tags((major, minor), platforms=platforms),
            *compatible_tags((major, minor), interpreter=f"cp{major}{minor}", platforms=platforms),
        ]
    )


def has_wheel(name: str, version: str, wanted: frozenset[Tag]) -> bool:
    wheels = lock()[name, version].get("wheels", [])
    named = [parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] for wheel in wheels]
    native = [found for found in named if all(tag.platform != "any" for tag in found)]
    # Where it has native code everywhere, as wasmtime has, one for "any" platform is of no use.
    return any(found & wanted for found in (native if name == "wasmtime" else named))


@pytest.mark.parametrize(
    "extras", [(), *((extra,) for extra in EXTRAS)], ids=lambda e: "".join(e) or "default"
)
def test_all_dependencies_have_wheels(extras: Sequence[str]) -> None:
    missing = {
        (name, python, platform)
        for python, platform in itertools.product(PYTHONS, PLATFORMS)
        for name, version in needed(environment(python, platform), extras)
        if not has_wheel(name, version, tags(python, platform))
    }
    assert missing == KNOWN_GAPS


def test_all_extras_are_looked_at() -> None:
    (own,) = versions("image2model")
    assert set(lock()["image2model", own]["optional-dependencies"]) == set(EXTRAS)
