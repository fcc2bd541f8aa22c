"""`image2model convert`: 3D files in, other 3D files out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from image2model.cli.adjusting import (
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
from image2model.cli.errors import SOME_FAILED
from image2model.cli.formats import parse_names
from image2model.cli.model_files import FilesArgument, read_file
from image2model.cli.outputs import OutputFolder
from image2model.cli.parameters import STYLE, JsonOption
from image2model.core.errors import Image2ModelError, InvalidRequest
from image2model.core.names import name_of_file, unique_name
from image2model.geometry.conversion import FORMATS, Conversion
from image2model.geometry.formats.convert import Converted, convert_file

app = typer.Typer(**STYLE)


@dataclass(slots=True, kw_only=True)
class _Told:
    """What became of one file, as `--json` prints it."""

    source: str
    files: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None


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
    srgb_colors: SrgbColorsOption = False,
    as_json: JsonOption = False,
) -> None:
    """
    Turn 3D files into other formats, sizes and weights.

    Works here, without a server. What a format does not hold, and what was given up for the
    limits, is told file by file.
    """
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
    folder = OutputFolder(output)
    told: list[_Told] = []
    names: set[str] = set()
    for path in files:
        name = unique_name(name_of_file(path.name, fallback="model"), names)
        names.add(name)
        told.append(_convert(path, name, wanted, folder, aloud=not as_json))
    if as_json:
        shown = [{"source": t.source, "files": t.files, "error": t.error} for t in told]
        typer.echo(json.dumps(shown, indent=2))
    raise typer.Exit(SOME_FAILED if any(one.error for one in told) else 0)


def _convert(
    path: Path, name: str, wanted: Sequence[Conversion], folder: OutputFolder, *, aloud: bool
) -> _Told:
    told = _Told(source=str(path))
    try:
        data = read_file(path)
        for conversion in wanted:
            file_name = f"{name}.{conversion.format}"
            if (folder.path / file_name).resolve() == path.resolve():
                raise InvalidRequest(field="--output", reason=f"would replace '{path}' itself.")
            made = convert_file(data, conversion, name=name)
            _save(folder, file_name, made.content)
            told.files.append(_outcome(file_name, conversion, made))
            if aloud:
                _say(told.files[-1])
    except Image2ModelError as error:
        told.error = {"code": error.code, "message": error.message, "details": error.details}
        if aloud:
            typer.echo(f"{path}: {error.message}", err=True)
    return told


def _save(folder: OutputFolder, file_name: str, content: bytes) -> None:
    def write(part: Path) -> None:
        part.write_bytes(content)

    folder.keep(file_name, write, sha256=None)


def _outcome(file_name: str, conversion: Conversion, made: Converted) -> dict[str, Any]:
    return {
        "name": file_name,
        "format": conversion.format,
        "size_bytes": len(made.content),
        "faces": made.faces,
        "notes": list(made.notes),
    }


def _say(made: dict[str, Any]) -> None:
    typer.echo(f"{made['name']}  {made['size_bytes']:,} bytes, {made['faces']:,} faces")
    for note in made["notes"]:
        typer.echo(f"  {note}")
