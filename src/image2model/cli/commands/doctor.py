"""`image2model doctor`: what is configured, what works, and what to type where it does not."""

import dataclasses

import typer

from image2model.cli.arguments.parameters import STYLE, JsonOption
from image2model.cli.checks.findings import Level
from image2model.cli.checks.installation import check_installation
from image2model.cli.terminal.errors import SOME_FAILED, exit_code_of
from image2model.cli.terminal.printing import say, say_json
from image2model.core.errors import ConfigurationError, ExtraMissing, InvalidSetting

app = typer.Typer(**STYLE)

_OF_CONFIGURATION = frozenset({InvalidSetting.code, ExtraMissing.code})

_COLORS = {
    Level.OK: typer.colors.GREEN,
    Level.NOTE: typer.colors.BLUE,
    Level.WARNING: typer.colors.YELLOW,
    Level.FAILURE: typer.colors.RED,
}


@app.command()
def doctor(*, as_json: JsonOption = False) -> None:
    """
    Check this installation, and say what to mend.

    Exits with 1 where something failed, and with 10 where a setting cannot work.
    """
    findings = []
    for finding in check_installation():
        findings.append(finding)
        if not as_json:
            typer.secho(f"{finding.level:8}", fg=_COLORS[finding.level], nl=False)
            say(f"{finding.what}: {finding.found}")
            if finding.advice:
                say(f"{'':8}{finding.advice}")
    if as_json:
        shown = {"findings": [dataclasses.asdict(finding) for finding in findings]}
        say_json(shown)
    failures = [finding for finding in findings if finding.level is Level.FAILURE]
    if any(finding.code in _OF_CONFIGURATION for finding in failures):
        raise typer.Exit(exit_code_of(ConfigurationError))
    if failures:
        raise typer.Exit(SOME_FAILED)
