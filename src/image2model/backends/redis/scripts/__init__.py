"""What runs inside Redis: to read one state of a job, and to write all of a change or nothing."""

from functools import cache
from importlib.resources import files


@cache
def read_script(name: str) -> str:
    """Read the Lua script *name*, which stands beside this module."""
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
