"""Faults of the work behind an accepted submit: how it runs, ends, and what it delivers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from image2model.testing.fal_simulator.faults.canned import INFRASTRUCTURE_ERRORS, model_error
from image2model.testing.fal_simulator.generation import (
    ChangedMesh,
    MeshChange,
    Outcome,
    Script,
    State,
)

RunAction = Callable[..., None]
"""Changes a script; what it needs to know comes as keywords."""


def stuck(script: Script, *, where: State = "IN_PROGRESS") -> None:
    """Stay for ever in the state *where*."""
    script.stuck_in = where


def requeue(script: Script, *, times: int = 1, for_s: float = 0.2) -> None:
    """Fall back to IN_QUEUE half-way, *times* times, for *for_s* seconds each."""
    script.requeues = times
    script.requeued_s = for_s


def status_lag(script: Script, *, polls: int = 2) -> None:
    """Answer the first *polls* status requests 404."""
    script.hidden_polls = polls


def unknown_status(script: Script, *, word: str = "PAUSED", polls: int = 2) -> None:
    """Say *word* in the first *polls* status requests."""
    script.odd_status = word
    script.odd_polls = polls


def infrastructure_error(
    script: Script,
    *,
    error_type: str = "runner_disconnected",
    error: str = "The request was broken off.",
    status: int | None = None,
) -> None:
    """End COMPLETED with *error* and *error_type* in the status."""
    script.outcome = Outcome(
        status=status or INFRASTRUCTURE_ERRORS.get(error_type, 500),
        body={"detail": error, "error_type": error_type},
        headers={"x-fal-error-type": error_type},
        error=error,
        error_type=error_type,
    )


def model_refuses(
    script: Script,
    *,
    type: str = "content_policy_violation",  # noqa: A002 - the service calls it so
    status: int = 422,
    message: str = "The picture cannot be used.",
    loc: Sequence[str] = ("body", "image_url"),
    ctx: Mapping[str, Any] | None = None,
    retryable: bool = False,
    units: float = 0.0,
) -> None:
    """End COMPLETED; the result request then answers *status* with a detail list."""
    script.outcome = Outcome(
        status=status,
        body={"detail": [model_error(type, message=message, loc=loc, ctx=ctx)]},
        headers={"x-fal-retryable": str(retryable).lower()},
        units=units,
    )


def model_refuses_in_text(
    script: Script,
    *,
    status: int = 422,
    detail: str = "The picture cannot be used.",
    units: float = 0.0,
) -> None:
    """End COMPLETED; the result request then answers *status* with a plain *detail*."""
    script.outcome = Outcome(status=status, body={"detail": detail}, units=units)


def retried_elsewhere(
    script: Script,
    *,
    status: int = 500,
    detail: str = "Internal Server Error",
    units: float = 0.0,
) -> None:
    """End COMPLETED with a server error; the same input then runs under another id."""
    headers = {"x-fal-needs-retry": "1"}
    script.outcome = Outcome(status=status, body={"detail": detail}, headers=headers, units=units)
    script.is_retried = True


def result_still_in_progress(script: Script, *, times: int = 1) -> None:
    """Answer the first *times* result requests 400 "still in progress" after the end."""
    script.early_results = times


def result_gone(script: Script) -> None:
    """Answer result requests 404 after the end."""
    script.result_gone = True


def cancel_ignored(script: Script) -> None:
    """Accept a cancellation and go on, to the end and the bill."""
    script.on_cancel = "ignore"


def cancel_too_late(script: Script) -> None:
    """Finish in the moment the cancellation arrives."""
    script.on_cancel = "too_late"


def cancel_legacy(script: Script) -> None:
    """Answer a cancellation in the older form, 200 with `success`."""
    script.on_cancel = "legacy"


def unlisted(script: Script) -> None:
    """Leave the request out of the platform API's list."""
    script.unlisted = True


def units_unknown(script: Script) -> None:
    """Leave the billable units out of the result's headers."""
    script.units_unknown = True


def files_expire(script: Script, *, after_s: float = 1.0) -> None:
    """Let the result's files vanish *after_s* seconds after the end."""
    script.files_life_s = after_s


def bare_files(script: Script) -> None:
    """Say nothing of a file but its URL."""
    script.bare_files = True


def missing_keys(script: Script, *, keys: Sequence[str] = ("rendered_image", "thumbnail")) -> None:
    """Leave *keys* out of the result."""
    script.without = tuple(keys)


def mesh_null(script: Script) -> None:
    """Put null under every mesh key."""
    script.mesh = ChangedMesh(change="null")


def mesh_other_key(script: Script, *, key: str = "shiny_new_mesh") -> None:
    """Put the mesh under *key* alone."""
    script.mesh = ChangedMesh(change="other key", key=key)


def mesh_wrong_type(script: Script, *, content_type: str = "image/png") -> None:
    """Let the mesh say that it is *content_type*."""
    script.mesh = ChangedMesh(change="wrong type", content_type=content_type)


def mesh_truncated(script: Script, *, fraction: float = 0.5) -> None:
    """End the file after *fraction* of it, with a length that fits."""
    script.mesh = ChangedMesh(change="truncated", fraction=fraction)


def mesh_huge(script: Script, *, size_bytes: int = 600_000_000) -> None:
    """Fill the file with zeros up to *size_bytes*."""
    script.mesh = ChangedMesh(change="huge", size_bytes=size_bytes)


def _other_format(change: MeshChange) -> RunAction:
    def change_mesh(
        script: Script, *, file_name: str = "model.glb", content_type: str | None = None
    ) -> None:
        script.mesh = ChangedMesh(change=change, file_name=file_name, content_type=content_type)

    return change_mesh


RUN_ACTIONS: Mapping[str, RunAction] = {
    **{
        action.__name__: action
        for action in (
            stuck,
            requeue,
            status_lag,
            unknown_status,
            infrastructure_error,
            model_refuses,
            model_refuses_in_text,
            retried_elsewhere,
            result_still_in_progress,
            result_gone,
            cancel_ignored,
            cancel_too_late,
            cancel_legacy,
            unlisted,
            units_unknown,
            files_expire,
            bare_files,
            missing_keys,
            mesh_null,
            mesh_other_key,
            mesh_wrong_type,
            mesh_truncated,
            mesh_huge,
        )
    },
    "mesh_empty": _other_format("empty"),
    "mesh_html": _other_format("html"),
    "mesh_zip": _other_format("zip"),
    "mesh_obj": _other_format("obj"),
    "mesh_fbx": _other_format("fbx"),
}
"""Faults of the operation "run"; all rules that match a request apply together."""
