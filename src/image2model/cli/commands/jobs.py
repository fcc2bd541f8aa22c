"""`image2model jobs`: look at jobs and change them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

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
from image2model.cli.arguments.parameters import (
    STYLE,
    ApiKeyOption,
    JsonOption,
    OverwriteOption,
    ServerOption,
)
from image2model.cli.outputs.files import OutputFolder
from image2model.cli.outputs.names import NameTemplate
from image2model.cli.outputs.orders import follow, offered_items, resubmit_items
from image2model.cli.outputs.saving import Saver
from image2model.cli.service.formats import parse_formats
from image2model.cli.service.opening import folder_of_records, open_desk
from image2model.cli.service.service import Desk, Resolution
from image2model.cli.tables.jobs import items_table, job_lines, jobs_table, scores_table, show_list
from image2model.cli.terminal.consoles import message_console, output_console
from image2model.cli.terminal.errors import SOME_FAILED
from image2model.cli.terminal.interrupts import Interrupted, raise_on_signals
from image2model.cli.terminal.printing import say, say_json
from image2model.cli.terminal.progress import open_display
from image2model.core.errors import InvalidRequest, JobNotFound
from image2model.core.file_template import DEFAULT_TEMPLATE
from image2model.core.ids import is_hex_id
from image2model.core.states import JobState
from image2model.geometry.conversion.request import FORMATS
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.wire.jobs import JobOut

app = typer.Typer(help="Look at jobs and change them.", no_args_is_help=True, **STYLE)

LAST = "last"

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="The job's id, the beginning of it, or `last` for the newest."
    ),
]
ItemOption = Annotated[
    int | None, typer.Option("--item", min=0, help="Only this item, by its number from 0.")
]


class Decision(StrEnum):
    """What to do with an uncertain item."""

    RESUBMIT = "resubmit"
    GIVE_UP = "give-up"


@app.command("list")
def list_jobs(
    *,
    text: Annotated[str, typer.Option("--name", help="Only jobs whose name has this in it.")] = "",
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most jobs to list.")] = 20,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """List jobs, newest first."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = list(islice(desk.jobs(text=text, state=state), limit))
    show_list("jobs", found, jobs_table, "No jobs.", as_json=as_json)


@app.command()
def show(
    job: JobArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Tell all about a job and its items."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = desk.job(find_job(desk, job))
    _print_job(found, as_json=as_json)


@app.command()
def cancel(
    job: JobArgument,
    *,
    item: ItemOption = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Stop a job, or one item of it, for good. What is made already stays."""
    with open_desk(server=server, api_key=api_key) as desk:
        changed = desk.cancel(find_job(desk, job), item)
    _print_job(changed, as_json=as_json)


@app.command()
def pause(
    job: JobArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Start no further items of a job; those that were sent to their provider go on."""
    with open_desk(server=server, api_key=api_key) as desk:
        changed = desk.pause(find_job(desk, job))
    _print_job(changed, as_json=as_json)


@app.command()
def resume(
    job: JobArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Let a paused job go on; without a server, wait for its end."""

    def go_on(desk: Desk, job_id: str) -> JobOut:
        return desk.resume(job_id)

    _go_on(job, go_on, as_json=as_json, server=server, api_key=api_key)


@app.command()
def retry(
    job: JobArgument,
    *,
    item: ItemOption = None,
    resubmit: Annotated[
        bool,
        typer.Option(
            "--resubmit",
            help="Make again, and pay again for, items that were paid for and are lost: those of "
            "which `jobs show` says what making them again costs.",
        ),
    ] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Make failed items again, or one failed or cancelled item; without a server, wait.

    An item that was made and paid for is fetched again, which is free. It is made and paid for
    again with --resubmit alone.
    """

    def again(desk: Desk, job_id: str) -> JobOut:
        found = desk.job(job_id)
        lost = offered_items(found) if resubmit else []
        if item is not None:
            lost = [index for index in lost if index == item]
        if lost:
            found = resubmit_items(desk, found, lost)
        if item is None:
            return desk.retry(job_id, None)
        return found if lost else desk.retry(job_id, [item])

    _go_on(job, again, as_json=as_json, server=server, api_key=api_key)


@app.command()
def resolve(
    job: JobArgument,
    item: Annotated[int, typer.Argument(min=0, help="The item's number, from 0.")],
    decision: Annotated[
        Decision,
        typer.Argument(help="Send it again (it may be charged twice), or give it up."),
    ],
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Decide about an item of which nobody knows whether the provider accepted it.

    An item may be decided while its lost answer is still searched for. `resubmit` also makes an
    item again, and pays for it again, that was paid for and is lost.
    """

    def decide(desk: Desk, job_id: str) -> JobOut:
        wanted: Resolution = "resubmit" if decision is Decision.RESUBMIT else "give_up"
        return desk.resolve(job_id, item, wanted)

    _go_on(job, decide, as_json=as_json, server=server, api_key=api_key)


@app.command()
def score(
    job: JobArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Compare the models of a job with their photos, and list them worst first."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = desk.job(find_job(desk, job))
        made = [item for item in found.items if item.state == "succeeded"]
        scores = [(item, desk.fidelity(found.id, item.index)) for item in made]
    scores.sort(key=lambda one: -1.0 if one[1].score is None else one[1].score)
    if as_json:
        shown = [
            {"index": item.index, "name": item.name, **fidelity.model_dump()}
            for item, fidelity in scores
        ]
        say_json({"scores": shown})
    elif scores:
        output_console().print(scores_table(scores))
    else:
        say("No models.")


@app.command()
def download(
    job: JobArgument,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.zip|FOLDER",
            help="Where the models go: one ZIP file with a manifest, or a folder.",
        ),
    ],
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            show_default=False,
            help="Formats of the models, separated by commas. Without it those asked for when "
            "the job was made, or as delivered.",
        ),
    ] = "",
    name_template: Annotated[
        str,
        typer.Option(metavar="TEMPLATE", help="As for `generate`; in a ZIP file / makes folders."),
    ] = DEFAULT_TEMPLATE,
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
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Add the pictures to the ZIP file, too.")
    ] = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Compare models with their photos first, for the manifests in the ZIP file.",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Download what a job has made so far, as one ZIP file or into a folder.

    The models come as they were asked for when the job was made, unless asked for otherwise here.
    """
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
    as_archive = output.suffix.lower() == ".zip" and not output.is_dir()
    folder = OutputFolder(
        output.parent if as_archive else output, overwrite=overwrite, records=folder_of_records()
    )
    with (
        open_desk(server=server, api_key=api_key) as desk,
        open_display(message_console()) as display,
    ):
        found = desk.job(find_job(desk, job))
        delivered = list(_delivered(found))
        wanted_formats = parse_formats(formats, desk, delivered=delivered) if formats else ()
        if as_archive:
            wanted = ArchiveRequest(
                formats=wanted_formats,
                adjust=adjust,
                template=name_template,
                pictures=pictures,
                scores=scores,
            )
            save = partial(desk.save_archive, found.id, wanted)
            kept = folder.keep(output.name, save, sha256=None, of=found.id)
            if kept.note:
                say(f"{kept.note}.", err=True)
            output = output.with_name(kept.name)
            troubles = bool(found.counts.failed)
        else:
            template = NameTemplate(name_template)
            saver = Saver(
                desk,
                folder,
                display,
                template=template,
                formats=wanted_formats or found.formats or delivered[:1] or FORMATS[:1],
                adjust=adjust,
                sources=[f"{found.id}/{item.index}" for item in found.items],
            )
            saver.watch(found)
            troubles = any(outcome.trouble for outcome in saver.outcomes.values())
    say(f"The archive is {output}" if as_archive else f"The files are in {folder.path}")
    if troubles:
        raise typer.Exit(SOME_FAILED)


def _delivered(job: JobOut) -> Iterator[str]:
    """Yield the formats of the models of *job*, the main one first."""
    files = [file for item in job.items if item.result for file in item.result.files]
    yield from dict.fromkeys(file.format for file in files if file.role == "mesh")


@app.command()
def delete(
    job: JobArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Delete a job with its pictures and models; files saved elsewhere stay."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = desk.job(find_job(desk, job))
        if not yes:
            typer.confirm(f"Delete {found.name} with {found.counts.total} item(s)?", abort=True)
        desk.delete(found.id)
    say(f"Deleted {found.name} ({found.id[:8]}).")


def find_job(desk: Desk, text: str) -> str:
    """
    Tell which job *text* means.

    Raises:
        JobNotFound: None.
        InvalidRequest: More than one.
    """
    wanted = text.lower()
    if is_hex_id(wanted):
        return wanted
    if wanted == LAST:
        found = [job.id for job in islice(desk.jobs(), 1)]
    else:
        found = [job.id for job in desk.jobs() if job.id.startswith(wanted)]
    if not found:
        raise JobNotFound(job=text)
    if len(found) > 1:
        short = ", ".join(job[:12] for job in found[:5])
        raise InvalidRequest(field="JOB", reason=f"'{text}' fits several jobs: {short}.")
    return found[0]


def _go_on(
    job: str,
    change: Callable[[Desk, str], JobOut],
    *,
    as_json: bool,
    server: str | None,
    api_key: str | None,
) -> None:
    raise_on_signals()
    with open_desk(server=server, api_key=api_key, works=True) as desk:
        changed = change(desk, find_job(desk, job))
        if desk.works_here:
            with _stopping(), open_display(message_console()) as display:
                changed = follow(desk, changed, [display.update])
            changed = desk.job(changed.id)
    _print_job(changed, as_json=as_json)


@contextmanager
def _stopping() -> Iterator[None]:
    try:
        yield
    except Interrupted as stop:
        say("Stopped. `image2model jobs resume` goes on.", err=True)
        raise typer.Exit(stop.exit_code) from stop


def _print_job(job: JobOut, *, as_json: bool) -> None:
    if as_json:
        say_json(job.model_dump(mode="json"))
        return
    for line in job_lines(job):
        say(line)
    if job.items:
        output_console().print(items_table(job))
