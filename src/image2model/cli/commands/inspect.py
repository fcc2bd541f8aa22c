"""`image2model inspect`: say what 3D files hold, and whether they print."""

from pathlib import Path
from typing import Annotated, Any

import typer

from image2model.cli.arguments.model_files import (
    FilesArgument,
    files_beside,
    one_of_several,
    read_file,
)
from image2model.cli.arguments.parameters import STYLE, JsonOption
from image2model.cli.service.opening import open_settings
from image2model.cli.terminal.errors import SOME_FAILED
from image2model.cli.terminal.printing import say, say_json
from image2model.geometry.inspection.report import report_file
from image2model.wire.inspection import InspectionOut

app = typer.Typer(**STYLE)

_VERDICTS = {
    "ready": "ready to print",
    "repairable": "prints after `convert --repair`",
    "not": "does not print as it is",
}


@app.command()
def inspect(
    files: FilesArgument,
    *,
    printer_min_mm: Annotated[
        float,
        typer.Option(
            metavar="MM", min=0.01, max=100.0, help="The thinnest wall your printer makes."
        ),
    ] = 0.8,
    as_json: JsonOption = False,
) -> None:
    """
    Say what 3D files hold, and whether they print.

    Tells faces, size, materials, textures, and what a printer would trip over.

    Works here, without a server.
    """
    open_settings()
    told: list[dict[str, Any]] = []
    failed = False
    for path in files:
        with one_of_several(path, aloud=not as_json) as failure:
            data, beside = read_file(path), files_beside(path)
            report = report_file(data, printer_min_mm=printer_min_mm, files=beside)
            found = InspectionOut.model_validate(report)
            told.append({"source": str(path), **found.model_dump(mode="json")})
            if not as_json:
                _say(path, found)
        if failure.error:
            failed = True
            told.append({"source": str(path), "error": failure.error})
    if as_json:
        say_json(told)
    raise typer.Exit(SOME_FAILED if failed else 0)


def _say(path: Path, found: InspectionOut) -> None:
    width, height, depth = found.size_mm
    say(f"{path}: {found.format}, {found.size_bytes:,} bytes")
    say(f"  {found.faces:,} faces, {found.vertices:,} vertices")
    say(f"  {width:g} × {height:g} × {depth:g} mm (width, height, depth)")
    for texture in found.textures:
        use = texture.use.replace("_", " ")
        side = f"{texture.width_px} × {texture.height_px}"
        say(f"  {use} texture: {side} px, {texture.size_bytes:,} bytes")
    if found.print.islands > 1:
        say(f"  {found.print.islands:,} loose bodies")
    for left_out in found.left_out:
        say(f"  {left_out}")
    say(f"  {_VERDICTS[found.print.verdict]}")
    for reason in found.print.reasons:
        say(f"    {reason}")
    for note in found.print.notes:
        say(f"    {note}")
