"""Read the spreadsheet of `--sheet` before anything is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from image2model.cli.arguments.subjects import Subject
from image2model.core.errors import InvalidRequest
from image2model.core.generator import GeneratorId
from image2model.core.sheet import SheetRow
from image2model.documents.spreadsheet import read_sheet_file
from image2model.jobs.intake.spreadsheet import match_rows, with_generator
from image2model.jobs.intake.submit import JobRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSheet:
    """
    A spreadsheet's file.

    Attributes:
        path: Where it is.
        sha256: Of its bytes, hex.
        rows: What it says.
        notes: What was left out, one plain sentence each.
    """

    path: Path
    sha256: str
    rows: Sequence[SheetRow]
    notes: Sequence[str] = ()

    def generator(self, given: str | None) -> str | None:
        """
        Tell which generator is meant: the one *given*, or else the sheet's.

        Raises:
            InvalidSheet: They are not the same.
        """
        request = JobRequest(generator=GeneratorId(given) if given else None)
        return with_generator(self.rows, request).generator

    def check(self, subjects: Sequence[Subject]) -> None:
        """
        Insist that every row is of one of *subjects*.

        Raises:
            InvalidSheet: Some are not.
        """
        self._match(subjects)

    def without_row(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """
        List those of *subjects* of which nothing is said.

        Raises:
            InvalidSheet: A row is of none of them.
        """
        rows = self._match(subjects)
        return [subject for subject, row in zip(subjects, rows, strict=True) if row is None]

    def _match(self, subjects: Sequence[Subject]) -> Sequence[SheetRow | None]:
        files = [[picture.path.name for picture in one.pictures.values()] for one in subjects]
        return match_rows(self.rows, files)


def open_sheet(path: Path) -> SourceSheet:
    """
    Read a CSV or XLSX file.

    Raises:
        InvalidRequest: There is no file at *path* that can be read.
        InvalidSheet: Something in it is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}."
        raise InvalidRequest(field=f"--sheet {path}", reason=reason) from error
    read = read_sheet_file(data)
    return SourceSheet(path=path, sha256=sha256(data).hexdigest(), rows=read.rows, notes=read.notes)
