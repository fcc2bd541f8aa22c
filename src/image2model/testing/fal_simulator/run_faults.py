"""Faults of the work behind an accepted submit: how it runs, ends, and what it delivers."""

from collections.abc import Callable, Mapping
from typing import Any

from image2model.testing.fal_simulator.canned import INFRASTRUCTURE_ERRORS, model_error
from image2model.testing.fal_simulator.generation import Outcome, Script

Options = Mapping[str, Any]
RunAction = Callable[[Script, Options], None]


def stuck(script: Script, options: Options) -> None:
    """Stay for ever in the state `where`."""
    script.stuck_in = options.get("where", "IN_PROGRESS")


def requeue(script: Script, options: Options) -> None:
    """Fall back to IN_QUEUE half-way, `times` times, for `for_s` seconds each."""
    script.requeues = options.get("times", 1)
    script.requeued_s = options.get("for_s", 0.2)


def status_lag(script: Script, options: Options) -> None:
    """Answer the first `polls` status requests 404."""
    script.hidden_polls = options.get("polls", 2)


def unknown_status(script: Script, options: Options) -> None:
    """Say `word` in the first `polls` status requests."""
    script.odd_status = options.get("word", "PAUSED")
    script.odd_polls = options.get("polls", 2)


def infrastructure_error(script: Script, options: Options) -> None:
    """End COMPLETED with `error` and `error_type` in the status."""
    error_type = options.get("error_type", "runner_disconnected")
    error = options.get("error", f"The request ended with {error_type}.")
    script.outcome = Outcome(
        status=options.get("status", INFRASTRUCTURE_ERRORS.get(error_type, 500)),
        body={"detail": error, "error_type": error_type},
        headers={"x-fal-error-type": error_type},
        error=error,
        error_type=error_type,
    )


def model_refuses(script: Script, options: Options) -> None:
    """End COMPLETED; the result request then answers `status` with a detail list."""
    error_type = options.get("type", "content_policy_violation")
    item = model_error(
        error_type,
        message=options.get("message", "The picture cannot be used."),
        loc=options.get("loc", ("body", "image_url")),
        ctx=options.get("ctx"),
    )
    retryable = str(options.get("retryable", False)).lower()
    script.outcome = Outcome(
        status=options.get("status", 422),
        body={"detail": [item]},
        headers={"x-fal-retryable": retryable},
        units=options.get("units", 0.0),
    )


def model_refuses_in_text(script: Script, options: Options) -> None:
    """End COMPLETED; the result request then answers `status` with a plain `detail`."""
    detail = options.get("detail", "The picture cannot be used.")
    script.outcome = Outcome(
        status=options.get("status", 422),
        body={"detail": detail},
        units=options.get("units", 0.0),
    )


def result_still_in_progress(script: Script, options: Options) -> None:
    """Answer the first `times` result requests 400 "still in progress" after the end."""
    script.early_results = options.get("times", 1)


def result_gone(script: Script, _options: Options) -> None:
    """Answer result requests 404 after the end."""
    script.result_gone = True


def cancel_ignored(script: Script, _options: Options) -> None:
    """Accept a cancellation and go on, to the end and the bill."""
    script.on_cancel = "ignore"


def cancel_too_late(script: Script, _options: Options) -> None:
    """Finish in the moment the cancellation arrives."""
    script.on_cancel = "too_late"


def cancel_legacy(script: Script, _options: Options) -> None:
    """Answer a cancellation in the older form, 200 with `success`."""
    script.on_cancel = "legacy"


def unlisted(script: Script, _options: Options) -> None:
    """Leave the request out of the platform API's list."""
    script.unlisted = True


def units_unknown(script: Script, _options: Options) -> None:
    """Leave the billable units out of the result's headers."""
    script.units_unknown = True


def files_expire(script: Script, options: Options) -> None:
    """Let the result's files vanish `after_s` seconds after the end."""
    script.files_life_s = options.get("after_s", 1.0)


def bare_files(script: Script, _options: Options) -> None:
    """Say nothing of a file but its URL."""
    script.bare_files = True


def missing_keys(script: Script, options: Options) -> None:
    """Leave `keys` out of the result."""
    script.without = tuple(options.get("keys", ("rendered_image", "thumbnail")))


def _mesh(name: str) -> RunAction:
    def change_mesh(script: Script, options: Options) -> None:
        script.mesh = name
        script.mesh_options = options

    return change_mesh


MESH_CHANGES = (
    "null",
    "other_key",
    "empty",
    "html",
    "truncated",
    "zip",
    "obj",
    "fbx",
    "huge",
    "wrong_type",
)
"""What a mesh can be instead of an honest GLB."""

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
        )
    },
    **{f"mesh_{name}": _mesh(name) for name in MESH_CHANGES},
}
"""Faults of the operation "run"; all rules that match a request apply together."""
