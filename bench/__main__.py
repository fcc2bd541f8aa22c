"""Runs the benchmarks named on the command line, or all: each in a process of its own."""

import argparse
import os
import pkgutil
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module

import bench


def main() -> None:
    """Run the benchmarks asked for; exit with 1 when one of them failed."""
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    names: Sequence[str] = parser.parse_args().names or known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(known) or 'none'}")
    print(machine(), flush=True)
    if failed := [name for name in names if not succeeds(name)]:
        sys.exit(f"\nFailed: {', '.join(failed)}")


def benchmarks() -> Sequence[str]:
    """List the modules beside this one that have a `main`."""
    names = {module.name for module in pkgutil.iter_modules(bench.__path__)} - {"__main__"}
    return [name for name in sorted(names) if hasattr(import_module(f"bench.{name}"), "main")]


def machine() -> str:
    """Describe what the figures depend on."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}"
    )


def commit() -> str:
    """Name the commit measured; `+` says that files were changed since."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


def succeeds(name: str) -> bool:
    """Run one benchmark where the memory and caches of the others do not count."""
    print(f"\n== {name} ==", flush=True)
    started_s = time.perf_counter()
    program = f"from bench.{name} import main; main()"
    status = subprocess.run([sys.executable, "-c", program], check=False).returncode
    print(f"({time.perf_counter() - started_s:.1f} s)", flush=True)
    return status == 0


if __name__ == "__main__":
    main()
