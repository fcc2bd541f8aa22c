"""Save the models of a job into a folder as they come, and remember what became of each item."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from image2model.cli.outputs.files import OutputFolder
from image2model.cli.outputs.names import NameTemplate
from image2model.cli.service.service import Desk
from image2model.cli.terminal.progress import Display
from image2model.core.errors import (
    ComputeError,
    InvalidInputError,
    NotFoundError,
)
from image2model.wire.items import FileOut, ItemOut
from image2model.wire.jobs import JobOut

PREVIEW = "preview.webp"
_ENDED = frozenset({"succeeded", "failed", "cancelled", "uncertain"})


@dataclass(slots=True, kw_only=True)
class Outcome:
    """
    What became of one item.

    Attributes:
        item: As it ended.
        files: The names of its files in the folder.
        moved: Of files whose name was taken by a file that is not ours: the names they have
            instead, by the names they were to have.
        trouble: Why it was not made, or not all of it could be saved; "": all is well.
    """

    item: ItemOut
    files: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


class Saver:
    """
    Saves every item of a job once it has succeeded; call `watch` with every change.

    Args:
        desk: Where the job is.
        folder: Where the files go.
        display: Shows what happens.
        template: Names the files.
        formats: Those of the models.
        adjust: What is changed of the models, beyond what the job asks for.
        sources: Say of every item, by its index, what it was made of; see `OutputFolder.keep`.

    Attributes:
        outcomes: Of the items that ended, by index.
        written: How many files were written; those that were there already do not count.
    """

    def __init__(
        self,
        desk: Desk,
        folder: OutputFolder,
        display: Display,
        *,
        template: NameTemplate,
        formats: Sequence[str],
        adjust: Mapping[str, Any] | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        self._desk = desk
        self._folder = folder
        self._display = display
        self._template = template
        self._formats = formats
        self._adjust = adjust or {}
        self._sources = sources
        self._stems: Mapping[int, str] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.written = 0

    def watch(self, job: JobOut) -> None:
        """
        Save what has succeeded since the last call.

        Raises:
            StorageError: The folder cannot be written any more.
        """
        # Names do not change while a job runs, and of many items they take a while to make.
        self._stems = self._stems or self._template.stems(job)
        for item in job.items:
            if item.state in _ENDED and item.index not in self.outcomes:
                outcome = self._outcome(job, item, self._stems[item.index])
                told = self._told(outcome)
                self.outcomes[item.index] = outcome
                done, total = len(self.outcomes), len(job.items)
                self._display.ended(item, told, done=done, total=total)

    def _told(self, outcome: Outcome) -> str:
        """Tell of *outcome*; what stops a whole job, such as an empty account, is told once."""
        if not outcome.trouble:
            return f"made {', '.join(outcome.files)}"
        names = {one.trouble: one.item.name for one in reversed(self.outcomes.values())}
        first = names.get(outcome.trouble)
        return f"failed for the reason of {first}" if first else outcome.trouble

    def _outcome(self, job: JobOut, item: ItemOut, stem: str) -> Outcome:
        outcome = Outcome(item=item)
        if item.state == "cancelled":
            outcome.trouble = "cancelled"
        elif item.error is not None and item.state != "succeeded":
            outcome.trouble = item.error.message
        elif item.result is not None:
            self._save(job, outcome, item.result.files, stem)
        return outcome

    def _save(self, job: JobOut, outcome: Outcome, files: Sequence[FileOut], stem: str) -> None:
        index = outcome.item.index
        for format_name in self._formats:
            mesh = self._mesh(job, outcome.item, files, format_name)
            save = (
                partial(self._desk.save_file, job.id, index, mesh)
                if mesh
                else partial(self._desk.save_model, job.id, index, format_name, self._adjust)
            )
            self._keep(outcome, f"{stem}.{format_name}", save, mesh)
        if not outcome.files:
            self._keep_as_it_is(job, outcome, files, stem)
        for preview in (file for file in files if file.role == "preview"):
            save = partial(self._desk.save_file, job.id, index, preview)
            self._keep(outcome, f"{stem}.{PREVIEW}", save, preview)

    def _keep_as_it_is(
        self, job: JobOut, outcome: Outcome, files: Sequence[FileOut], stem: str
    ) -> None:
        """Save the model as it is where nothing could be made of it: it may have been paid for."""
        mesh = next((file for file in files if file.role == "mesh"), None)
        if mesh is None:
            return
        name = f"{stem}.original.{mesh.format}"
        save = partial(self._desk.save_file, job.id, outcome.item.index, mesh)
        self._keep(outcome, name, save, mesh)
        if outcome.files:
            outcome.trouble += f" The model is saved as it was delivered: {name}."

    def _mesh(
        self, job: JobOut, item: ItemOut, files: Sequence[FileOut], format_name: str
    ) -> FileOut | None:
        """Find the file that is as asked for; of adjusted models whoever has them knows which."""
        # What a spreadsheet says is not in files that stay with their provider.
        if self._adjust or job.adjust or (job.keep == "links" and item.metadata):
            return None
        return next((f for f in files if f.role == "mesh" and f.format == format_name), None)

    def _keep(
        self, outcome: Outcome, name: str, save: Callable[[Path], None], known: FileOut | None
    ) -> None:
        try:
            kept = self._folder.keep(
                name,
                save,
                sha256=known.sha256 if known else None,
                of=self._source_of(outcome.item.index),
            )
        except (InvalidInputError, NotFoundError, ComputeError) as error:
            outcome.trouble = outcome.trouble or f"no {name}: {error.message}"
        else:
            self.written += kept.is_new
            outcome.files.append(kept.name)
            if kept.note:
                outcome.moved[name] = kept.name
                self._display.note(f"{kept.note}.")

    def _source_of(self, index: int) -> str:
        return self._sources[index] if index < len(self._sources) else ""
