"""What the commands on 3D files share: which files they take, and reading them."""

from pathlib import Path
from typing import Annotated

import typer

from image2model.core.errors import InvalidMesh

_LARGEST_BYTES = 500_000_000

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES",
        show_default=False,
        help="3D files: GLB, OBJ, PLY, STL, or a ZIP with one of them or glTF in it.",
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
