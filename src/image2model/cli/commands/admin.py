"""`image2model admin`: what operators see and do, of all owners together."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from image2model.cli.arguments.parameters import (
    STYLE,
    ApiKeyOption,
    JsonOption,
    ServerOption,
    SinceOption,
    UntilOption,
    in_utc,
)
from image2model.cli.service.opening import open_desk
from image2model.cli.tables.jobs import show_list
from image2model.cli.tables.operator import (
    audit_table,
    makers_table,
    overview_lines,
    owned_jobs_table,
    owners_table,
    purge_lines,
)
from image2model.cli.terminal.consoles import output_console
from image2model.cli.terminal.printing import say, say_json
from image2model.core.audit import AuditAction
from image2model.core.errors import OwnerNotFound
from image2model.core.ids import LOCAL_OWNER
from image2model.core.states import JobState
from image2model.jobs.lifecycle.purge import Purgeable
from image2model.wire.admin import (
    AuditEntryOut,
    audit_csv_header,
    audit_csv_line,
    audit_json_line,
)

if TYPE_CHECKING:  # Only one of them is needed, and each takes long to import.
    from image2model.cli.service.operator import EmbeddedOperator
    from image2model.client.admin import AdminClient

    _Operator = AdminClient | EmbeddedOperator

app = typer.Typer(
    help="See and stop everything, as an operator.",
    no_args_is_help=True,
    **STYLE,
)

_Job = Annotated[str, typer.Argument(metavar="JOB", help="As `admin jobs` shows it.")]
_OWNER = "An owner, as `admin jobs` shows it."
_WRITERS: Mapping[str, tuple[str, Callable[[AuditEntryOut], str]]] = {
    "csv": (audit_csv_header(), audit_csv_line),
    "jsonl": ("", audit_json_line),
}


@app.command()
def status(
    *, as_json: JsonOption = False, server: ServerOption = None, api_key: ApiKeyOption = None
) -> None:
    """Show health, queue, spending, owners and storage, and whether anything is stopped."""
    with _open(server, api_key) as operator:
        seen = operator.overview()
    if as_json:
        say_json(seen.model_dump(mode="json"))
        return
    for line in overview_lines(seen):
        say(line)
    if seen.makers:
        output_console().print(makers_table(seen.makers))
    owners = [owner for owner in (*seen.owners, seen.anonymous) if owner.jobs or owner.month_usd]
    if owners:
        output_console().print(owners_table(owners))


@app.command()
def stop(
    *,
    reason: Annotated[
        str, typer.Option(help="Why, for people: whoever has an item that waits reads it.")
    ] = "the operator has stopped it",
    everything: Annotated[
        bool, typer.Option("--everything", help="Stop what costs nothing, too.")
    ] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Stop everything that costs money, in every process at once.

    What waits goes on waiting and loses nothing. What was sent is followed and kept.
    """
    with _open(server, api_key) as operator:
        stopped = operator.stop(reason, everything=everything)
    if as_json:
        say_json(stopped.model_dump(mode="json"))
        return
    what = "Nothing" if stopped.everything else "Nothing that costs money"
    say(f"{what} is sent any more: {stopped.reason}. `image2model admin go` lets it go on.")


@app.command()
def go(*, server: ServerOption = None, api_key: ApiKeyOption = None) -> None:
    """Let what was stopped go on, whoever or whatever stopped it."""
    with _open(server, api_key) as operator:
        operator.go()
    say("What waited goes on within seconds.")


@app.command()
def jobs(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only jobs whose name contains this.")
    ] = "",
    *,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="OWNER", help=_OWNER)] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to list.")] = 50,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """List everybody's jobs, newest first."""
    with _open(server, api_key) as operator:
        found = operator.jobs(text=text, state=state.value if state else None, owner=owner)
        shown = list(islice(found, limit))
    show_list("jobs", shown, owned_jobs_table, "There are no such jobs.", as_json=as_json)


@app.command()
def cancel(
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="As `admin jobs` shows it.")
    ] = None,
    *,
    owner: Annotated[
        str | None, typer.Option(metavar="OWNER", help="All running and paused jobs of theirs.")
    ] = None,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Cancel anybody's job, or all jobs of one owner."""
    if (job is None) is (owner is None):
        raise typer.BadParameter("give a job, or --owner.", param_hint="JOB")
    with _open(server, api_key) as operator:
        if job is not None:
            operator.cancel_job(job)
            say(f"The job {job} is cancelled.")
        elif owner is not None:
            _check_owner(operator, owner)
            cancelled = operator.cancel_owner(owner)
            say(f"Cancelled: {len(cancelled)} job{'' if len(cancelled) == 1 else 's'} of {owner}.")


@app.command()
def delete(job: _Job, *, server: ServerOption = None, api_key: ApiKeyOption = None) -> None:
    """Delete anybody's job with its pictures and results."""
    with _open(server, api_key) as operator:
        operator.delete_job(job)
    say(f"The job {job} is gone.")


@app.command()
def purge(
    *,
    what: Annotated[
        list[Purgeable] | None,
        typer.Option(
            "--what",
            help="`jobs` past their retention, `orphans` (files that no job names), `sessions` "
            "that are over, `derived` (other formats, thumbnails and turntables, which are made "
            "again). May be given again; left out: all.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell how much there is, and remove nothing.")
    ] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Remove now what housekeeping removes in time, and what can be made again."""
    with _open(server, api_key) as operator:
        done = operator.purge([one.value for one in what or ()], dry_run=dry_run)
    if as_json:
        say_json(done.model_dump(mode="json"))
        return
    for line in purge_lines(done):
        say(line)


@app.command()
def audit(
    *,
    action: Annotated[AuditAction | None, typer.Option(help="Only entries of this kind.")] = None,
    actor: Annotated[str | None, typer.Option(metavar="ACTOR", help="Only what they did.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to list; exports have all.")] = 100,
    export: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Print all of it as `csv`, or as `jsonl`."),
    ] = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """List who changed what about money and access, newest first."""
    if export not in {None, *_WRITERS}:
        raise typer.BadParameter("knows csv and jsonl.", param_hint="--export")
    with _open(server, api_key) as operator:
        found = operator.audit(
            action=action.value if action else None,
            actor=actor,
            since=in_utc(since),
            until=in_utc(until),
        )
        if export is not None:
            _write(found, export)
            return
        shown = list(islice(found, limit))
    show_list("entries", shown, audit_table, "Nothing happened.", as_json=as_json)


def _check_owner(operator: "_Operator", owner: str) -> None:
    """Insist that *owner* has something here: a name that was mistyped must not look like done."""
    if owner == LOCAL_OWNER or any(operator.jobs(owner=owner)):
        return
    known = operator.overview().owners
    if owner not in {one.owner for one in known}:
        meant = [one.owner for one in known if owner in {one.name, one.owner.partition(":")[2]}]
        raise OwnerNotFound(owner=owner, meant=meant)


@contextmanager
def _open(server: str | None, api_key: str | None) -> Iterator["_Operator"]:
    with open_desk(server=server, api_key=api_key) as desk:
        yield desk.operator


def _write(entries: Iterable[AuditEntryOut], export: str) -> None:
    header, line = _WRITERS[export]
    sys.stdout.write(header)
    sys.stdout.writelines(map(line, entries))
