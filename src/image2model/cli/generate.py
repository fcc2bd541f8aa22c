"""`image2model generate`: pictures in, models out."""

import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

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
from image2model.cli.bars import open_display
from image2model.cli.desk import Desk, Order
from image2model.cli.errors import SOME_FAILED
from image2model.cli.formats import parse_formats
from image2model.cli.interrupts import Interrupted, raise_on_signals
from image2model.cli.making import follow, take_in
from image2model.cli.opening import open_desk
from image2model.cli.options import parse_options
from image2model.cli.output_names import NameTemplate
from image2model.cli.outputs import OutputFolder
from image2model.cli.parameters import STYLE, ApiKeyOption, JsonOption, ServerOption
from image2model.cli.pictures import find_pictures
from image2model.cli.saving import Saver
from image2model.cli.sheets import SourceSheet, open_sheet
from image2model.cli.subjects import Subject, group_pictures
from image2model.cli.tables import duration, outcomes_table, output_console, plan_lines
from image2model.core.errors import BudgetExceeded, TooManyItems
from image2model.core.file_template import DEFAULT_TEMPLATE, FIELDS
from image2model.core.hashing import hash_of
from image2model.core.ids import new_hex_id
from image2model.core.output import Output
from image2model.geometry.conversion import FORMATS, Conversion
from image2model.wire.models import EstimateOut, JobOut

app = typer.Typer(**STYLE)

_MOST_NAMED = 10


@app.command()
def generate(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURES",
            show_default=False,
            help="Picture files, and folders of them. A folder that has no pictures of its own is "
            "searched with the folders in it. The same picture given twice is made once.",
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where the models go; made if it is missing."
        ),
    ] = Path("models"),
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator", "-g", metavar="ID", help="What makes the models: see `generators list`."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-O",
            metavar="NAME=VALUE",
            help="An option of the generator: see `generators show ID`. May be repeated.",
        ),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", "-f", help="Formats of the models, separated by commas.")
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
    name_template: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE",
            help="What the files are called. Fields: "
            + "; ".join(f"{{{name}}}: {meaning}" for name, meaning in FIELDS.items())
            + ".",
        ),
    ] = DEFAULT_TEMPLATE,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Search all folders within folders, too.")
    ] = False,
    views: Annotated[
        bool | None,
        typer.Option(
            "--views/--no-views",
            show_default=False,
            help="Take teapot_front.png and teapot-left.jpg for views of one teapot, or not. "
            "By itself this happens where the generator takes several views.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A spreadsheet, CSV or XLSX, that names the pictures and says what they show: "
            "title, height_mm and so on.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The job's name.")] = "",
    budget: Annotated[
        float | None,
        typer.Option(metavar="USD", min=0, help="The most all of it may cost, in US dollars."),
    ] = None,
    keep: Annotated[
        bool | None,
        typer.Option(
            "--keep/--links",
            show_default=False,
            help="Keep results in the product's own storage too, or only the provider's URLs. "
            "Either way the models are saved in FOLDER. By itself this process keeps, and a "
            "server does as it is set.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made and its price; make nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Make everything anew, and pay for it, even if made before."),
    ] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Turn pictures into 3D models.

    Running the same command again goes on where it stopped: what was made before, of the same
    picture with the same generator and options, is neither made nor paid for again.
    """
    raise_on_signals()
    template = NameTemplate(name_template)
    adjust = adjustments(
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
    Conversion(format=FORMATS[0], **adjust)
    said = open_sheet(sheet) if sheet else None
    found = find_pictures(pictures, recursive=recursive)
    with open_desk(server=server, api_key=api_key, works=not dry_run) as desk:
        card = desk.generator(said.generator(generator) if said else generator)
        subjects = group_pictures(found, card, views=views)
        if said is not None:
            said.check(subjects)
        if desk.item_limit is not None and len(subjects) > desk.item_limit:
            raise TooManyItems(limit=desk.item_limit)
        wanted = parse_formats(formats, desk, delivered=card.output_formats)
        _say_unnamed(said, subjects)
        estimate = desk.estimate(
            card.id,
            parse_options(option or [], card),
            items=len(subjects),
            items_with_views=sum(len(subject.pictures) > 1 for subject in subjects),
        )
        _check_budget(estimate, budget)
        if dry_run:
            _print_plan(estimate, subjects, as_json=as_json)
            return
        # What a generator delivers by itself, as it is, need not be asked for.
        plain = not adjust and set(wanted) <= set(card.output_formats)
        order = _order(
            estimate,
            subjects,
            output=Output() if plain else Output(formats=tuple(wanted), adjust=adjust),
            sheet=said,
            name=name,
            budget=budget,
            keep=keep,
            force=force,
        )
        run = _Run(desk, OutputFolder(output), template, wanted, as_json=as_json)
        raise typer.Exit(run.make(order))


def _check_budget(estimate: EstimateOut, budget: float | None) -> None:
    if budget is not None and estimate.total_usd > budget:
        raise BudgetExceeded(budget_usd=budget, needed_usd=estimate.total_usd, period="job")


def _print_plan(estimate: EstimateOut, subjects: Sequence[Subject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(estimate.model_dump_json(indent=2))
        return
    names = [
        f"{subject.name}: {', '.join(str(one.path) for one in subject.pictures.values())}"
        for subject in subjects
    ]
    for line in plan_lines(estimate, names):
        typer.echo(line)
    typer.echo("Nothing was made.")


def _say_unnamed(sheet: SourceSheet | None, subjects: Sequence[Subject]) -> None:
    """Name the pictures that no row is about: a row forgotten is a size forgotten."""
    unnamed = sheet.without_row(subjects) if sheet else []
    if unnamed:
        some = ", ".join(subject.name for subject in unnamed[:_MOST_NAMED])
        more = f" and {len(unnamed) - _MOST_NAMED} more" if len(unnamed) > _MOST_NAMED else ""
        typer.echo(f"Without a row in the spreadsheet: {some}{more}.", err=True)


def _order(
    estimate: EstimateOut,
    subjects: Sequence[Subject],
    *,
    output: Output,
    sheet: SourceSheet | None,
    name: str,
    budget: float | None,
    keep: bool | None,
    force: bool,
) -> Order:
    policy: Literal["keep", "links"] | None = None
    if keep is not None:
        policy = "keep" if keep else "links"
    asked: dict[str, Any] = {
        "generator": estimate.generator,
        "options": estimate.options,
        "budget": budget,
        "keep": policy,
        "items": [
            [subject.name, [[view, one.sha256] for view, one in subject.pictures.items()]]
            for subject in subjects
        ],
    }
    if sheet is not None:
        asked["sheet"] = sheet.sha256
    if output != Output():
        asked["output"] = [list(output.formats), dict(output.adjust)]
    return Order(
        generator=estimate.generator,
        options=estimate.options,
        output=output,
        subjects=subjects,
        sheet=sheet,
        name=name,
        budget_usd=None if budget is None else Decimal(str(budget)),
        keep=policy,
        key=new_hex_id() if force else hash_of(asked),
        reuse=not force,
    )


class _Run:
    """One run of the command, once it is clear what is to be made and where it goes."""

    def __init__(
        self,
        desk: Desk,
        folder: OutputFolder,
        template: NameTemplate,
        formats: Sequence[str],
        *,
        as_json: bool,
    ) -> None:
        self._desk = desk
        self._folder = folder
        self._template = template
        self._formats = formats
        self._as_json = as_json
        self._messages = Console(stderr=True, highlight=False)

    def make(self, order: Order) -> int:
        """Make all of *order*; returns the exit code."""
        began_s = time.monotonic()
        try:
            with open_display(self._messages) as display:
                saver = Saver(
                    self._desk,
                    self._folder,
                    display,
                    template=self._template,
                    formats=self._formats,
                )
                job = take_in(self._desk, order, display)
                job = follow(self._desk, job, [display.update, saver.watch])
        except Interrupted as stop:
            self._messages.print(self._farewell(), soft_wrap=True)
            return stop.exit_code
        if self._as_json:
            typer.echo(self._desk.job(job.id).model_dump_json(indent=2))
        else:
            self._print_summary(job, saver, time.monotonic() - began_s)
        troubles = [outcome for outcome in saver.outcomes.values() if outcome.trouble]
        return SOME_FAILED if troubles else 0

    def _farewell(self) -> str:
        if self._desk.works_here:
            return "Stopped. Run the same command again to go on; nothing is made or paid twice."
        return "Stopped watching; the server goes on. Run the same command again to go on."

    def _print_summary(self, job: JobOut, saver: Saver, took_s: float) -> None:
        console = output_console()
        table = outcomes_table(saver.outcomes)
        if table.row_count:
            console.print(table)
        made = sum(not outcome.trouble for outcome in saver.outcomes.values())
        failed = len(saver.outcomes) - made
        told = f"Made {made} of {len(job.items)} in {duration(took_s)}"
        told += f"; {failed} failed" if failed else ""
        if made and not saver.written:
            told += "; all files were there already"
        console.print(f"{told}. The files are in {self._folder.path}", soft_wrap=True, markup=False)
        if job.counts.uncertain:
            console.print(
                f"{job.counts.uncertain} may have been charged without an answer: see "
                f"`image2model jobs show {job.id[:8]}`.",
                markup=False,
            )
