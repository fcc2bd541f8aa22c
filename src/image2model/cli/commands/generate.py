"""`image2model generate`: pictures in, models out."""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

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
from image2model.cli.arguments.options import parse_options
from image2model.cli.arguments.parameters import (
    STYLE,
    ApiKeyOption,
    JsonOption,
    OverwriteOption,
    ServerOption,
)
from image2model.cli.arguments.pictures import find_pictures
from image2model.cli.arguments.sheets import SourceSheet, open_sheet
from image2model.cli.arguments.skipped import Skipped, find_skipped, skipped_json, skipped_lines
from image2model.cli.arguments.subjects import Subject, group_pictures
from image2model.cli.outputs.files import OutputFolder
from image2model.cli.outputs.names import NameTemplate
from image2model.cli.outputs.orders import follow, offered_items, take_in
from image2model.cli.outputs.saving import Outcome, Saver
from image2model.cli.service.formats import parse_formats
from image2model.cli.service.opening import folder_of_records, open_desk
from image2model.cli.service.service import Desk, Order
from image2model.cli.tables.jobs import (
    count_fitting,
    duration,
    note_lines,
    outcomes_table,
    plan_lines,
)
from image2model.cli.terminal.consoles import message_console, output_console
from image2model.cli.terminal.errors import SOME_FAILED, exit_code_of
from image2model.cli.terminal.interrupts import Interrupted, raise_on_signals
from image2model.cli.terminal.printing import say, say_json
from image2model.cli.terminal.progress import open_display
from image2model.core.errors import (
    BudgetExceeded,
    InvalidPictureError,
    NoPictures,
    TooManyItems,
)
from image2model.core.file_template import DEFAULT_TEMPLATE, FIELDS
from image2model.core.ids import new_hex_id
from image2model.core.money import BudgetScope
from image2model.core.output import Output
from image2model.core.values.hashing import hash_of
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.computations import check_picture_file
from image2model.wire.generators import EstimateOut
from image2model.wire.jobs import JobOut

app = typer.Typer(**STYLE)

_MOST_NAMED = 10
_MOST_LOOKED_AT = 100


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
        typer.Option(
            metavar="USD",
            min=0,
            help="The most that all of it may cost, in US dollars. What fits is made; the rest "
            "is left, and made by the same command with a higher budget.",
        ),
    ] = None,
    price_at_most: Annotated[
        float | None,
        typer.Option(
            metavar="USD",
            min=0.000001,
            help="What one model costs at most, in US dollars, where nobody knows its price. "
            "Without it such models are not bought. Not for a server, whose operator decides.",
        ),
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
    resubmit: Annotated[
        bool,
        typer.Option(
            "--resubmit",
            help="Make again, and pay again for, what an earlier run paid for and its provider "
            "has lost. Without it such items are fetched again only, which is free.",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Turn pictures into 3D models.

    Running the same command again goes on where it stopped: what was made before, of the same
    picture with the same generator and options, is neither made nor paid for again. A model that
    was paid for and could not be fetched is fetched again, which is free.
    """
    raise_on_signals()
    if budget is not None and not math.isfinite(budget):
        raise typer.BadParameter(f"{budget} is no number of US dollars.", param_hint="--budget")
    if price_at_most is not None and not math.isfinite(price_at_most):
        raise typer.BadParameter(
            f"{price_at_most} is no number of US dollars.", param_hint="--price-at-most"
        )
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
    try:
        found = find_pictures(pictures, recursive=recursive)
    except NoPictures:
        for line in skipped_lines(find_skipped(pictures, [])):
            say(line, err=True)
        raise
    with open_desk(
        server=server, api_key=api_key, works=not dry_run, price_at_most=price_at_most
    ) as desk:
        card = desk.generator(said.generator(generator) if said else generator)
        subjects = group_pictures(found, card, views=views)
        if said is not None:
            said.check(subjects)
        if desk.item_limit is not None and len(subjects) > desk.item_limit:
            raise TooManyItems(limit=desk.item_limit)
        wanted = parse_formats(formats, desk, delivered=card.output_formats)
        _say_unnamed(said, subjects)
        skipped = find_skipped(pictures, found)
        estimate = desk.estimate(
            card.id,
            parse_options(option or [], card),
            items=len(subjects),
            items_with_views=sum(len(subject.pictures) > 1 for subject in subjects),
        )
        if dry_run:
            limits = _limits(budget, desk)
            _print_plan(estimate, subjects, skipped, limits, as_json=as_json)
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
        folder = OutputFolder(output, overwrite=overwrite, records=folder_of_records())
        run = _Run(desk, folder, template, wanted, skipped, as_json=as_json)
        raise typer.Exit(run.make(order, resubmit=resubmit))


def _limits(budget: float | None, desk: Desk) -> Mapping[str, float]:
    """Tell what may be spent, in US dollars, by what limits it."""
    limits = {"budget_usd": budget, "day_left_usd": desk.day_left_usd()}
    return {name: usd for name, usd in limits.items() if usd is not None}


def _print_plan(
    estimate: EstimateOut,
    subjects: Sequence[Subject],
    skipped: Sequence[Skipped],
    limits: Mapping[str, float],
    *,
    as_json: bool,
) -> None:
    counts = [len(subject.pictures) for subject in subjects]
    fit = count_fitting(estimate, counts, min(limits.values(), default=None))
    if as_json:
        plan = {**estimate.model_dump(mode="json"), **limits, "items_that_fit": fit}
        plan |= {"skipped": skipped_json(skipped)} if skipped else {}
        say_json(plan)
        return
    names = [
        f"{subject.name}: {', '.join(str(one.path) for one in subject.pictures.values())}"
        for subject in subjects
    ]
    for line in (*plan_lines(estimate, names, limits, fit=fit), *skipped_lines(skipped)):
        say(line)
    for line in _foreseen(subjects):
        say(line)
    say("Nothing was made.")


def _foreseen(subjects: Sequence[Subject]) -> Iterator[str]:
    """Look at the pictures as a job does, and say what speaks against them before it is paid."""
    pictures = [one for subject in subjects for one in subject.pictures.values()]
    with TemporaryDirectory() as folder:
        target = str(Path(folder) / "checked")
        for one in pictures[:_MOST_LOOKED_AT]:
            try:
                notes = check_picture_file(str(one.path), target, PictureLimits()).notes
            except InvalidPictureError as error:
                notes = (error.message.rstrip("."),)
            yield from (f"{one.path}: {note}." for note in notes)
    if len(pictures) > _MOST_LOOKED_AT:
        yield f"Only the first {_MOST_LOOKED_AT} pictures were looked at."


def _say_unnamed(sheet: SourceSheet | None, subjects: Sequence[Subject]) -> None:
    """Name the pictures that no row is about: a row forgotten is a size forgotten."""
    for note in sheet.notes if sheet else ():
        say(note, err=True)
    unnamed = sheet.without_row(subjects) if sheet else []
    if unnamed:
        some = ", ".join(subject.name for subject in unnamed[:_MOST_NAMED])
        more = f" and {len(unnamed) - _MOST_NAMED} more" if len(unnamed) > _MOST_NAMED else ""
        say(f"Without a row in the spreadsheet: {some}{more}.", err=True)


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


def _moved(saver: Saver) -> dict[str, str]:
    """Return the names of files instead of which others stayed, by the names asked for."""
    outcomes = saver.outcomes.values()
    return {name: instead for one in outcomes for name, instead in one.moved.items()}


def _source_of(subject: Subject) -> str:
    return hash_of([[view, one.sha256] for view, one in subject.pictures.items()])


class _Run:
    """One run of the command, once it is clear what is to be made and where it goes."""

    def __init__(
        self,
        desk: Desk,
        folder: OutputFolder,
        template: NameTemplate,
        formats: Sequence[str],
        skipped: Sequence[Skipped],
        *,
        as_json: bool,
    ) -> None:
        self._skipped = skipped
        self._desk = desk
        self._folder = folder
        self._template = template
        self._formats = formats
        self._as_json = as_json
        self._messages = message_console()

    def make(self, order: Order, *, resubmit: bool) -> int:
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
                    sources=[_source_of(subject) for subject in order.subjects],
                )
                taken = take_in(self._desk, order, display, resubmit=resubmit)
                job = follow(self._desk, taken.job, [display.update, saver.watch])
        except Interrupted as stop:
            self._messages.print(self._farewell(), soft_wrap=True)
            return stop.exit_code
        if self._as_json:
            shown = self._desk.job(job.id).model_dump(mode="json")
            told = {"skipped": skipped_json(self._skipped), "moved": _moved(saver)}
            shown |= {name: value for name, value in told.items() if value}
            say_json(shown)
        else:
            took_s = time.monotonic() - began_s
            self._print_summary(job, saver, took_s, made_before=taken.made_before)
        troubles = [outcome for outcome in saver.outcomes.values() if outcome.trouble]
        if troubles and all(map(_is_over_budget, troubles)):
            return exit_code_of(BudgetExceeded)
        return SOME_FAILED if troubles else 0

    def _farewell(self) -> str:
        if self._desk.works_here:
            return "Stopped. Run the same command again to go on; nothing is made or paid twice."
        return "Stopped watching; the server goes on. Run the same command again to go on."

    def _print_summary(
        self, job: JobOut, saver: Saver, took_s: float, *, made_before: Collection[int]
    ) -> None:
        console = output_console()
        table = outcomes_table(saver.outcomes)
        if table.row_count:
            console.print(table)
        done = {index for index, outcome in saver.outcomes.items() if not outcome.trouble}
        before = len(done.intersection(made_before))
        left = [outcome for outcome in saver.outcomes.values() if _is_over_budget(outcome)]
        failed = len(saver.outcomes) - len(done) - len(left)
        told = f"Made {len(done) - before} of {len(job.items)} in {duration(took_s)}"
        told += f"; {before} {'was' if before == 1 else 'were'} made before" if before else ""
        told += f"; {failed} failed" if failed else ""
        told += f"; {len(left)} left for the budget" if left else ""
        if done and not saver.written:
            told += "; all files were there already"
        console.print(f"{told}. The files are in {self._folder.path}", soft_wrap=True)
        if lost := offered_items(job):
            usd = sum(job.items[index].resubmit_usd or 0.0 for index in lost)
            console.print(
                f"{len(lost)} paid for and lost. The same command fetches what can still be "
                f"fetched, free; with --resubmit it makes them again for about ${usd:,.2f}.",
            )
        if left:
            console.print(_budget_advice(left), soft_wrap=True)
        for name, instead in _moved(saver).items():
            told = f"{name} was there already and is kept; the new file is {instead}"
            console.print(told, soft_wrap=True)
        for line in (*note_lines(job), *skipped_lines(self._skipped)):
            console.print(line, soft_wrap=True)
        if job.counts.uncertain:
            console.print(
                f"{job.counts.uncertain} may have been charged without an answer: see "
                f"`image2model jobs show {job.id[:8]}`.",
            )


def _is_over_budget(outcome: Outcome) -> bool:
    error = outcome.item.error
    return error is not None and error.code == BudgetExceeded.code and not outcome.files


def _budget_advice(left: Sequence[Outcome]) -> str:
    """Say how to have made what the budget did not pay for."""
    details = [outcome.item.error.details for outcome in left if outcome.item.error]
    limits = {detail.get("scope"): detail.get("budget_usd", 0.0) for detail in details}
    scope = next((one for one in _BUDGETS_USED_UP if one in limits), BudgetScope.JOB)
    named, raised = _BUDGETS_USED_UP[scope]
    limit_usd = limits.get(scope, 0.0)
    return (
        f"{named} of ${limit_usd:,.2f} does not pay for {len(left)} more. Run the same command "
        f"again {raised}: what is made already is not paid for again."
    )


_ASK = "once the operator of the server has raised it with `image2model keys change`"
_BUDGETS_USED_UP: Mapping[BudgetScope, tuple[str, str]] = {
    BudgetScope.OWNER_MONTH: ("Your budget for 30 days", f"{_ASK}, or later"),
    BudgetScope.OWNER_DAY: ("Your day budget", f"{_ASK}, or tomorrow"),
    BudgetScope.OWNER_JOB: ("Your budget for a job", _ASK),
    BudgetScope.MONTH: (
        "The budget for 30 days",
        "with a higher IMAGE2MODEL_BUDGET__MONTH_USD, or later",
    ),
    BudgetScope.DAY: (
        "The day budget",
        "with a higher IMAGE2MODEL_BUDGET__DAY_USD, or tomorrow",
    ),
    BudgetScope.JOB: ("The job budget", "with a higher --budget"),
}
"""What is used up and what raises it; of several the first decides."""
