"""`image2model worker`: the processes that run items in scaled mode."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Annotated

import typer

from image2model.cli.arguments.parameters import STYLE
from image2model.cli.service.opening import open_settings
from image2model.cli.terminal.printing import say
from image2model.core.errors import ExtraMissing
from image2model.core.generator import RunsOn
from image2model.core.platform import raise_descriptor_limit
from image2model.core.text.close_names import did_you_mean
from image2model.settings import Settings

app = typer.Typer(**STYLE)

_LOOK_EVERY_S = 1.0

_USUAL = (RunsOn.NETWORK, RunsOn.CPU)
_NETWORK_ITEMS_AT_ONCE = 1_000
"""Items that wait for a provider cost next to nothing here; the provider has its own limit."""


@app.command()
def worker(
    *,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Queue to take items from: `network` (generators elsewhere), `cpu` or `gpu` "
            "(generators on this machine). Can be given several times; each queue has a process "
            "of its own. Without it: network and cpu.",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Items under way at once, for each queue. Without it: 1000 of network, one more "
            "than there are computing processes of cpu, 1 of gpu.",
        ),
    ] = None,
    until_input_ends: Annotated[
        bool,
        typer.Option(
            "--until-input-ends",
            hidden=True,
            help="End when standard input does, as it does for a child whose parent was killed.",
        ),
    ] = False,
) -> None:
    """
    Take items from the queue and make their models.

    Needs IMAGE2MODEL_QUEUE_URL, and the database and the storage of `serve`. Ends within seconds on
    Ctrl-C or SIGTERM; other workers go on with what was under way.
    """
    if until_input_ends:
        threading.Thread(target=_end_with_input, name="parent", daemon=True).start()
    settings = open_settings(warns=not until_input_ends)
    queues = _read_queues(queue or [])
    raise_descriptor_limit()
    if len(queues) == 1:
        raise typer.Exit(_work(settings, queues[0], concurrency))
    raise typer.Exit(_Children(queues, concurrency).watch())


def _end_with_input() -> None:
    # Nobody writes into it: the one thing to be read is its end. Past Python's own reader, whose
    # lock would be held for ever.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _read_queues(given: Sequence[str]) -> Sequence[RunsOn]:
    names = [name.strip() for part in given for name in part.split(",") if name.strip()]
    known = [kind.value for kind in RunsOn]
    for name in names:
        if name not in known:
            raise typer.BadParameter(
                f"There is no queue '{name}'.{did_you_mean(name, known)} There are "
                f"{', '.join(known)}.",
                param_hint="--queue",
            )
    return [RunsOn(name) for name in dict.fromkeys(names)] or _USUAL


def _work(settings: Settings, queue: RunsOn, concurrency: int | None) -> int:
    try:
        from image2model.worker import work  # noqa: PLC0415 - Celery takes long, and may be absent
    except ModuleNotFoundError as error:
        if error.name not in {"celery", "kombu", "redis"}:
            raise
        raise ExtraMissing(feature="A worker", extra="scaled") from error
    at_once = concurrency or _usual_concurrency(settings, queue)

    def say_ready() -> None:
        say(f"image2model worker is ready: {queue}, {at_once} at once (Ctrl-C stops it)")
        sys.stdout.flush()

    return work(settings, queue, concurrency=at_once, on_ready=say_ready)


def _usual_concurrency(settings: Settings, queue: RunsOn) -> int:
    match queue:
        case RunsOn.NETWORK:
            return _NETWORK_ITEMS_AT_ONCE
        case RunsOn.CPU:
            return settings.compute.processes + 1
        case RunsOn.GPU:
            return 1


def _first(ended: "SimpleQueue[int]") -> int:
    # Not without end in one go: on Windows no signal comes through meanwhile.
    while True:
        with suppress(Empty):
            return ended.get(timeout=_LOOK_EVERY_S)


class _Children:
    """
    A process for each queue: what computes must not slow down what waits for the network.

    They end with this one, even when it is killed and can tell them nothing: the other end of
    their input is here, and nowhere else.
    """

    def __init__(self, queues: Sequence[RunsOn], concurrency: int | None) -> None:
        options = [] if concurrency is None else ["--concurrency", str(concurrency)]
        command = [sys.executable, "-m", "image2model", "worker", "--until-input-ends", *options]
        self._ending = False
        self._processes: list[subprocess.Popen[bytes]] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        for queue in queues:
            own = [*command, "--queue", queue.value]
            self._processes.append(
                subprocess.Popen(own, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own program
            )
        if self._ending:
            self._end()  # The signal came before all of them were there.

    def watch(self) -> int:
        """Wait until all have ended; when one ends by itself, end the others. Returns its code."""
        ended: SimpleQueue[int] = SimpleQueue()
        for process in self._processes:

            def wait(process: subprocess.Popen[bytes] = process) -> None:
                ended.put(process.wait())

            threading.Thread(target=wait, daemon=True).start()
        code = _first(ended)
        if not self._ending:
            say(f"a worker process ended by itself (code {code})", err=True)
            code = code or 1
            self._end()
        for process in self._processes:
            process.wait()
        return abs(code)

    def _end(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._ending = True
        for process in self._processes:
            process.terminate()
