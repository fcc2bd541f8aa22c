"""Show how a job goes on: bars on a terminal, a line for every ended item elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, Self

from rich.console import Console  # noqa: TID251 - the type only
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from image2model.cli.terminal.consoles import in_markup, shown
from image2model.wire.items import ItemOut
from image2model.wire.jobs import JobOut

_MOST_BARS = 8
"""More would not fit on a small terminal, and a person cannot follow them."""

_ACTIVE = frozenset({"submitting", "generating", "finishing"})
_ENDED = frozenset({"succeeded", "failed", "cancelled", "uncertain"})


class Display(Protocol):
    """Tells a person how a job goes on."""

    def begin(self, text: str) -> None:
        """Say what is being done before there is a job to show."""
        ...

    def note(self, text: str) -> None:
        """Say something once."""
        ...

    def update(self, job: JobOut) -> None:
        """Show *job* as it is now."""
        ...

    def ended(self, item: ItemOut, outcome: str, *, done: int, total: int) -> None:
        """Say that *item* has come to its end, and how."""
        ...


@contextmanager
def open_display(console: Console) -> Iterator[Display]:
    """Show bars within the block, or lines where *console* is no terminal."""
    if console.is_terminal:
        with Bars(console) as bars:
            yield bars
    else:
        yield Lines(console)


class Lines:
    """A `Display` for log files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, text: str) -> None:
        """Say nothing: it takes no time worth a line."""

    def note(self, text: str) -> None:
        """Print *text*."""
        self._console.print(shown(text), soft_wrap=True)

    def update(self, job: JobOut) -> None:
        """Say nothing: lines cannot be taken back."""

    def ended(self, item: ItemOut, outcome: str, *, done: int, total: int) -> None:
        """Print a line."""
        self.note(f"[{done}/{total}] {item.name}: {outcome}")


class Bars:
    """A `Display` with a bar for the whole job and one for each of some items under way."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[phase]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=True,
        )
        self._whole: TaskID | None = None
        self._items: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_ending: object) -> None:
        self._progress.stop()

    def begin(self, text: str) -> None:
        """Show a bar that only says that something goes on."""
        if self._whole is None:
            self._whole = self._progress.add_task(in_markup(text), total=None, phase="")

    def note(self, text: str) -> None:
        """Print *text* above the bars."""
        self._console.print(shown(text))

    def update(self, job: JobOut) -> None:
        """Move the bars."""
        ended = sum(item.state in _ENDED for item in job.items)
        self.begin(job.name)
        assert self._whole is not None
        self._progress.update(
            self._whole,
            total=1.0,
            description=f"[bold]{in_markup(job.name)}",
            completed=job.progress.fraction,
            phase=f"{ended} of {len(job.items)}",
        )
        active = [item for item in job.items if item.state in _ACTIVE]
        for index in set(self._items) - {item.index for item in active}:
            self._progress.remove_task(self._items.pop(index))
        for item in active:
            self._show(item)

    def _show(self, item: ItemOut) -> None:
        if item.index not in self._items:
            if len(self._items) >= _MOST_BARS:
                return
            task = self._progress.add_task(f"  {in_markup(item.name)}", total=1.0, phase="")
            self._items[item.index] = task
        self._progress.update(
            self._items[item.index], completed=item.progress.fraction, phase=_phase(item)
        )

    def ended(self, item: ItemOut, outcome: str, *, done: int, total: int) -> None:  # noqa: ARG002
        """Print what went wrong; what went well, the bar says."""
        if item.state != "succeeded":
            self.note(f"{item.name}: {outcome}")


def _phase(item: ItemOut) -> str:
    ahead = item.progress.queue_position
    return in_markup(f"{ahead} ahead" if ahead else item.progress.phase)
