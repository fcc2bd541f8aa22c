"""Imports every module of a package on its own and prints, as JSON, what that did besides.

Run as a script in a fresh interpreter: `python import_probe.py PACKAGE [FOLDER]`.
"""

import importlib
import json
import os
import pkgutil
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

FORBIDDEN_TO_ALL = {
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
}
"""Audit events that importing must not cause, in whoever's code they happen."""

FORBIDDEN_TO_US = {"open", "os.mkdir", "os.listdir", "os.scandir", "socket.__new__"}
"""Audit events that code of the package must not cause; libraries may, when they are imported."""


def main(package: str) -> None:
    """Import everything in *package* and print the offences by module."""
    probe = ImportProbe(package)
    offences = {name: probe.offences_of(name) for name in modules_of(package)}
    json.dump({name: found for name, found in offences.items() if found}, sys.stdout)
    sys.stdout.flush()
    # A thread that an import started must not keep this process alive.
    os._exit(0)


def modules_of(package: str) -> Sequence[str]:
    """Name all modules of *package*, found on disk so that none needs to be imported for it."""
    spec = find_spec(package)
    assert spec is not None
    return [package, *_below(package, spec.submodule_search_locations or [])]


def _below(package: str, folders: Sequence[str]) -> Iterator[str]:
    for module in pkgutil.iter_modules(folders):
        name = f"{package}.{module.name}"
        yield name
        if module.ispkg:
            yield from _below(name, [str(Path(folder) / module.name) for folder in folders])


class ImportProbe:
    """Watches what this process does while it imports modules of *package*; lasts for ever."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._found: list[str] = []
        sys.addaudithook(self._audit)
        self._watch_environment()

    def offences_of(self, module: str) -> Sequence[str]:
        """Import *module* before any other of the package, and tell what that did."""
        for name in [name for name in sys.modules if self._is_ours(name)]:
            del sys.modules[name]
        threads = set(threading.enumerate())
        self._found = []
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is reported
            self._note(f"{type(error).__name__}: {error}")
        for thread in set(threading.enumerate()) - threads:
            self._note(f"thread {thread.name}")
        return self._found

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        ours = event in FORBIDDEN_TO_US and self._is_caused_by_us(sys._getframe(1))
        if ours or event in FORBIDDEN_TO_ALL:
            self._note(f"{event} {args[0]}")

    def _watch_environment(self) -> None:
        environment = type(os.environ)
        read = environment.__getitem__

        def noting_read(variables: Any, name: str) -> str:
            if self._is_caused_by_us(sys._getframe(1)):
                self._note(f"environment {name}")
            return read(variables, name)

        environment.__getitem__ = noting_read  # type: ignore[method-assign]

    def _is_caused_by_us(self, frame: FrameType | None) -> bool:
        """Tell whether the package's own code called into the standard library at *frame*."""
        while frame is not None:
            name = frame.f_globals.get("__name__") or ""
            if self._is_ours(name):
                return True
            # An import statement reads files too, and what a library does is its own affair.
            importing = name.startswith("importlib._bootstrap")
            if importing or name.partition(".")[0] not in sys.stdlib_module_names:
                return False
            frame = frame.f_back
        return False

    def _is_ours(self, module: str) -> bool:
        return module == self._package or module.startswith(f"{self._package}.")

    def _note(self, offence: str) -> None:
        if offence not in self._found:
            self._found.append(offence)


if __name__ == "__main__":
    sys.path[:0] = sys.argv[2:]
    main(sys.argv[1])
