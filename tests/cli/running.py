"""Running the command line, and asking what came of it."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from typer.testing import CliRunner

from image2model.cli.main import app

CONSOLE_SCRIPT = Path(sys.executable).with_name("image2model")
_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run of the command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which is JSON and nothing else."""
        return json.loads(self.out)


class Here:
    """Runs the command line in this process."""

    def __call__(self, *arguments: str | Path, answer: str | None = None) -> Ended:
        """Run it; *answer* is what is typed."""
        result = CliRunner().invoke(app, [str(one) for one in arguments], input=answer)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(code=result.exit_code, out=result.stdout, err=result.stderr)


class Running:
    """A run of the console script that has not ended yet."""

    def __init__(
        self, arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [CONSOLE_SCRIPT, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=environment,
        )
        # A command that hangs must not hang the test.
        self._guard = threading.Timer(_LIMIT_S, self.process.kill)
        self._guard.start()

    def first_lines(self, count: int) -> list[str]:
        """Wait until it has said *count* lines on standard error."""
        assert self.process.stderr is not None
        return [self.process.stderr.readline() for _ in range(count)]

    def first_output(self) -> str:
        """Wait until it has printed a line on standard output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait(self) -> Ended:
        """Wait for its end."""
        out, err = self.process.communicate()
        self._guard.cancel()
        return Ended(code=self.process.returncode, out=out, err=err)


class Script:
    """Runs the installed console script."""

    def __init__(self) -> None:
        self._started: list[Running] = []

    def __call__(self, *arguments: str | Path) -> Ended:
        """Run it to its end."""
        return self.start(*arguments).wait()

    def start(self, *arguments: str | Path) -> Running:
        """Start it."""
        running = Running(arguments)
        self._started.append(running)
        return running

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for running in self._started:
            running.process.kill()
            running.wait()


def names_in(folder: Path) -> list[str]:
    """List a folder, hidden files included."""
    return sorted(path.name for path in folder.iterdir())
