"""Errors on the command line: one sentence on standard error, and which class exits how."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import typer

from image2model.cli.terminal.printing import say
from image2model.core import errors
from image2model.core.errors import Image2ModelError

_log = logging.getLogger(__name__)

EXIT_CODES: Mapping[type[Image2ModelError], int] = {
    errors.InvalidInputError: 2,
    errors.NotFoundError: 3,
    errors.ConflictError: 4,
    errors.AccessError: 5,
    errors.LimitError: 6,
    errors.ProviderError: 7,
    errors.StorageError: 8,
    errors.ComputeError: 9,
    errors.ConfigurationError: 10,
    errors.ServerError: 11,
    errors.FetchError: 12,
}
"""By kind of trouble; a class has the code of its nearest base."""

SOME_FAILED = 1
MISTAKE_OF_OURS = 70
"""`EX_SOFTWARE` of sysexits.h."""

INTERRUPTED = 130
TERMINATED = 143
"""128 plus the number of the signal, as shells say it."""


def exit_code_of(kind: type[Image2ModelError]) -> int:
    """Tell with which code the command line exits on an error of the class *kind*."""
    return next(EXIT_CODES[base] for base in kind.__mro__ if base in EXIT_CODES)


def report(error: Exception, *, as_json: bool) -> int:
    """
    Say on standard error what is wrong and what to do.

    Where the log level is `debug`, the traceback comes too.

    Args:
        error: What ended the command.
        as_json: Say it as `{"code", "message", "details"}`.

    Returns:
        The exit code.
    """
    while isinstance(error, ExceptionGroup):
        # Of what went wrong at the same time one is told; the log has all.
        _log.debug("several errors", exc_info=error)
        error = error.exceptions[0]
    told = error_as_json(error)
    _log.debug("%s", told["code"], exc_info=error)
    if as_json:
        say(json.dumps(told), err=True)
    else:
        typer.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        say(told["message"], err=True)
    return exit_code_of(type(error)) if isinstance(error, Image2ModelError) else MISTAKE_OF_OURS


def error_as_json(error: Exception) -> dict[str, Any]:
    """Describe an error as `{"code", "message", "details"}`."""
    if isinstance(error, Image2ModelError):
        return {"code": error.code, "message": error.message, "details": dict(error.details)}
    return {"code": "internal_error", "message": _unexpected(error), "details": {}}


def _unexpected(error: Exception) -> str:
    return (
        f"Something unexpected went wrong ({type(error).__name__}: {error}). "
        "IMAGE2MODEL_LOG_LEVEL=debug shows where; please report it."
    )
