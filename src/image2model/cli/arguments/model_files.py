"""What the commands on 3D files share: which files they take, and reading them."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from image2model.cli.terminal.errors import error_as_json
from image2model.cli.terminal.printing import say
from image2model.core.errors import InvalidMesh

_log = logging.getLogger(__name__)

_WITH_FILES_BESIDE = frozenset({".obj", ".ply", ".gltf"})
_MOST_FILES_BESIDE = 50_000
_DEEPEST = 4
"""Folders below a model's own in which its files are looked for."""

_LARGEST_BYTES = 500_000_000

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES",
        show_default=False,
        help="3D files: GLB, glTF, OBJ, PLY, STL, 3MF, or a ZIP with one of them in it. Materials, "
        "textures and other files that OBJ, PLY and glTF refer to are taken from the file's folder "
        "and the folders in it.",
    ),
]


def read_file(path: Path) -> bytes:
    """
    Read a 3D file.

    Raises:
        InvalidMesh: It is not there, cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InvalidMesh(reason=f"'{path}' is larger than {_LARGEST_BYTES:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidMesh(reason=f"'{path}' cannot be read ({error.strerror})") from error
    return data


@dataclass(slots=True, kw_only=True)
class Failure:
    """
    What went wrong with one of several files.

    Attributes:
        error: As `--json` prints it; None: nothing.
    """

    error: dict[str, Any] | None = None


@contextmanager
def one_of_several(path: Path, *, aloud: bool) -> Iterator[Failure]:
    """Do something with the file *path*; what goes wrong with it does not end the command."""
    failure = Failure()
    try:
        yield failure
    except Exception as error:  # noqa: BLE001  # whatever one file does, the others are not to blame
        failure.error = error_as_json(error)
        _log.debug("%s: %s", path, failure.error["code"], exc_info=error)
        if aloud:
            say(f"{path}: {failure.error['message']}", err=True)


def files_beside(path: Path) -> Mapping[str, bytes]:
    """
    Return the files that a model may refer to: those in its folder, and in the folders in it.

    None of them is read before it is asked for. A link that leads out of the folder is left out.
    """
    if path.suffix.lower() not in _WITH_FILES_BESIDE:
        return {}
    return _FolderFiles(path)


class _FolderFiles(Mapping[str, bytes]):
    def __init__(self, model: Path) -> None:
        self._folder = model.absolute().parent
        self._paths = {
            path.relative_to(self._folder).as_posix(): path
            for path in _files_in(self._folder)
            if path.name != model.name
        }

    def __getitem__(self, name: str) -> bytes:
        path = self._paths[name]
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise KeyError(name)
        try:
            return read_file(path)
        except InvalidMesh as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _files_in(folder: Path) -> Iterator[Path]:
    count = 0
    for parent, folders, files in os.walk(folder):
        deep = len(Path(parent).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if deep < _DEEPEST and name[0] != ".")
        for name in sorted(files):
            count += 1
            if count > _MOST_FILES_BESIDE:
                return
            yield Path(parent, name)
