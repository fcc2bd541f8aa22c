"""Remove files that nothing names any more."""

import logging
from collections.abc import Iterable, Sequence

import anyio

from image2model.core.ids import ArtifactId
from image2model.core.job import Result
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)


async def discard_artifacts(context: Context, artifacts: Iterable[ArtifactId]) -> None:
    """
    Delete *artifacts*; one that cannot be deleted now is left to housekeeping.

    Runs to its end even when cancelled, for it cleans up after failed work.
    """
    with anyio.CancelScope(shield=True):
        for artifact in artifacts:
            try:
                await context.artifacts.delete(artifact)
            except Exception as error:  # noqa: BLE001 - the first error is the one to know
                _log.warning("cannot delete artifact %s yet: %s", artifact, error)


async def discard_unnamed(context: Context, artifacts: Sequence[ArtifactId]) -> None:
    """
    Delete those of *artifacts* that no job names.

    For when it is not known whether a write that names them came through; where the store cannot
    say it now, housekeeping will find out.
    """
    with anyio.CancelScope(shield=True):
        try:
            unnamed = await context.store.unreferenced(artifacts)
        except Exception as error:  # noqa: BLE001 - the first error is the one to know
            _log.warning("cannot tell which artifacts are needed: %s", error)
            return
        await discard_artifacts(context, unnamed)


async def replace_result(context: Context, ref: ItemRef, result: Result) -> None:
    """
    Give an item that has succeeded another result, and remove the files that nothing names then.

    Raises:
        JobNotFound, ItemNotFound, WrongState: There is no such item; its new files are removed.
        StorageError: It could not be written.
    """
    try:
        dropped = await context.store.replace_result(ref, result)
    except BaseException:
        kept = [file.artifact for file in result.files if file.artifact is not None]
        await discard_unnamed(context, kept)
        raise
    await discard_artifacts(context, dropped)
