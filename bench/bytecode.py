"""An environment for timed processes, in which only the first one compiles modules."""

import os
from collections.abc import Mapping
from pathlib import Path


def with_bytecode(folder: Path) -> Mapping[str, str]:
    """
    Return the environment of this process, changed so that compiled modules are stored in *folder*.

    Without it, `PYTHONDONTWRITEBYTECODE=1` would make every process compile what it imports, which
    takes longer than importing. Run a process once before you time it.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
