"""`image2model convert`: 3D files in, other 3D files out."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from image2model.cli.arguments.adjusting import (
    BytesOption,
    DepthOption,
    FacesOption,
    HeightOption,
    PivotOption,
    RepairOption,
    SrgbColorsOption,
    TextureOption,
    UpOption,
    WidthOption,
    adjustments,
)
from image2model.cli.arguments.model_files import (
    FilesArgument,
    files_beside,
    one_of_several,
    read_file,
)
from image2model.cli.arguments.parameters import STYLE, JsonOption, OverwriteOption
from image2model.cli.outputs.files import OutputFolder
from image2model.cli.service.formats import parse_names
from image2model.cli.service.opening import folder_of_records, open_settings
from image2model.cli.terminal.errors import SOME_FAILED
from image2model.cli.terminal.printing import say, say_json
from image2model.core.text.names import name_of_file, unique_name
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import FORMATS, Conversion

app = typer.Typer(**STYLE)


@app.command()
def convert(
    files: FilesArgument,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where the files go; made if it is missing."
        ),
    ],
    formats: Annotated[
        str,
        typer.Option("--format", "-f", help=f"Formats, separated by commas: {', '.join(FORMATS)}."),
    ] = "glb",
    faces: FacesOption = None,
    height_mm: HeightOption = None,
    width_mm: WidthOption = None,
    depth_mm: DepthOption = None,
    up: UpOption = None,
    pivot: PivotOption = None,
    texture_px: TextureOption = None,
    max_bytes: BytesOption = None,
    repair: RepairOption = False,
    overwrite: OverwriteOption = False,
    srgb_colors: SrgbColorsOption = False,
    as_json: JsonOption = False,
) -> None:
    """
    Turn 3D files into other formats, sizes and weights.

    Works here, without a server. What a format does not hold, and what was given up for the
    limits, is told file by file.
    """
    open_settings()
    asked = adjustments(
        faces=faces,
        height_mm=height_mm,
        width_mm=width_mm,
        depth_mm=depth_mm,
        up=up,
        pivot=pivot,
        texture_px=texture_px,
        max_bytes=max_bytes,
        repair=repair,
        srgb_colors=srgb_colors,
    )
    wanted = [Conversion(format=name, **asked) for name in parse_names(formats)]
    folder = OutputFolder(output, overwrite=overwrite, sources=files, records=folder_of_records())
    told: list[dict[str, Any]] = []
    names: set[str] = set()
    for path in files:
        name = unique_name(name_of_file(path.name, fallback="model"), names)
        names.add(name)
        made: list[dict[str, Any]] = []
        with one_of_several(path, aloud=not as_json) as failure:
            for outcome in _convert(path, name, wanted, folder):
                made.append(outcome)
                if not as_json:
                    _say(outcome)
        told.append({"source": str(path), "files": made, "error": failure.error})
    if as_json:
        say_json(told)
    raise typer.Exit(SOME_FAILED if any(one["error"] for one in told) else 0)


def _convert(
    path: Path, name: str, wanted: Sequence[Conversion], folder: OutputFolder
) -> Iterator[dict[str, Any]]:
    """Make one file in every format; yields what `--json` prints of each."""
    data, files = read_file(path), files_beside(path)
    for conversion in wanted:
        made = convert_file(data, conversion, name=name, files=files)
        kept = folder.keep(
            f"{name}.{conversion.format}",
            partial(_write, made.content),
            sha256=None,
            of=str(path.absolute()),
        )
        yield {
            "name": kept.name,
            "format": conversion.format,
            "size_bytes": len(made.content),
            "faces": made.faces,
            "notes": [*made.notes, *filter(None, [kept.note])],
        }


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _say(made: dict[str, Any]) -> None:
    say(f"{made['name']}  {made['size_bytes']:,} bytes, {made['faces']:,} faces")
    for note in made["notes"]:
        say(f"  {note}")
