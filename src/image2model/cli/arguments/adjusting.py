"""The options that say what models are adjusted to; `convert`, `generate` and `jobs` share them."""

import re
from typing import Annotated, Any, Literal

import typer

from image2model.core.errors import InvalidRequest

_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([kmg]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3}

FacesOption = Annotated[
    int | None,
    typer.Option(
        "--faces",
        "--max-faces",
        metavar="N",
        help="The most triangles; more are left where fewer would lose the shape.",
    ),
]
HeightOption = Annotated[
    float | None,
    typer.Option(metavar="MM", help="Its height in millimetres; the other sizes follow."),
]
WidthOption = Annotated[
    float | None, typer.Option(metavar="MM", help="Its width, instead of its height.")
]
DepthOption = Annotated[
    float | None, typer.Option(metavar="MM", help="Its depth, instead of its height.")
]
UpOption = Annotated[
    Literal["y", "z"] | None,
    typer.Option(help="The axis that points up; without it Z in STL and 3MF, else Y."),
]
PivotOption = Annotated[
    Literal["keep", "base", "centre"] | None,
    typer.Option(help="Where its origin is: as it is, under it, or in its middle."),
]
TextureOption = Annotated[
    int | None, typer.Option(metavar="N", help="The longest side of its textures, in pixels.")
]
BytesOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="The most bytes of each file, such as 4MB; faces and texture size are given up for "
        "it, and it is said which.",
    ),
]
RepairOption = Annotated[
    bool, typer.Option("--repair", help="Make it a closed solid for printing, if need be.")
]

SrgbColorsOption = Annotated[
    bool,
    typer.Option(
        "--srgb-colors",
        help="Take the numbers in its vertex colours as sRGB, for models that look washed out.",
    ),
]


def adjustments(**given: Any) -> dict[str, Any]:
    """
    Gather the options that were given.

    Args:
        given: All of them by the name that the API gives them; `max_bytes` as it was typed.

    Raises:
        InvalidRequest: A size makes no sense.
    """
    if given["max_bytes"] is not None:
        given["max_bytes"] = parse_bytes(given["max_bytes"])
    return {
        name: value for name, value in given.items() if value is not None and value is not False
    }


def parse_bytes(text: str) -> int:
    """
    Read `4MB`, `500 kB`, `4MiB` or `4000000` as bytes.

    Raises:
        InvalidRequest: It is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidRequest(field="--max-bytes", reason=f"is no size such as 4MB: '{text}'.")
    number, prefix, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWERS[prefix.lower()])
