"""Previews of models that are kept already: drawn when there is time, or when one is asked for."""

import dataclasses
import logging
import zlib
from collections.abc import Sequence
from hashlib import sha256

from image2model.core.errors import (
    ArtifactNotFound,
    FileNotInResult,
    Image2ModelError,
    InvalidMesh,
    NotFoundError,
    WrongState,
)
from image2model.core.ids import ArtifactId
from image2model.core.job import Item, Job, ResultFile
from image2model.jobs.computations import memory_for_model, preview_of
from image2model.jobs.context import Context
from image2model.jobs.storage.discard import replace_result
from image2model.jobs.storage.failures import remembering_failure
from image2model.jobs.storage.in_memory import put_whole, read_whole
from image2model.jobs.storage.temporary_files import scratch
from image2model.ports.compute import Compute
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)


class PreviewDrawer:
    """
    Draws what waits in `Context.drawing`, one after the other, in time that nothing else needs.

    Beside the runs of items and not within them: a run that draws would keep others waiting.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Draw for ever; cancel to stop."""
        await self._context.chores.keep("drawing previews", self._draw_next)

    async def _draw_next(self) -> None:
        await self._context.drawing.filled()
        await self.draw_waiting()

    async def draw_waiting(self) -> None:
        """Draw all that waits now; what fails is drawn when it is asked for."""
        while waiting := self._context.drawing.take():
            ref, file = waiting
            try:
                await _complete(self._context, ref, file, is_awaited=False)
            except (NotFoundError, WrongState):
                continue  # The job was deleted meanwhile.
            except Image2ModelError as error:
                _log.warning("the preview of item %d of job %s: %s", ref.index, ref.job, error)


async def draw_now(context: Context, ref: ItemRef, file: ResultFile) -> ResultFile:
    """
    Draw *file*, a preview that is awaited; returns it as it is then.

    Raises:
        FileNotInResult: The model cannot be drawn.
        NotFoundError: The model is gone.
        StorageError, ComputeError: It cannot be drawn now.
    """
    drawn = await _complete(context, ref, file, is_awaited=True)
    if drawn is None:
        raise FileNotInResult(job=ref.job, index=ref.index, name=file.name)
    return drawn


async def draw_all(context: Context, job: Job) -> Job:
    """
    Draw every preview of *job* that is awaited; what cannot be drawn now stays awaited.

    Returns:
        The job with its items, as it is then.
    """
    awaited = [
        (ItemRef(job.id, item.index), file)
        for item in job.items
        for file in (item.result.files if item.result else ())
        if file.is_awaited
    ]
    for ref, file in awaited:
        try:
            await _complete(context, ref, file, is_awaited=True)
        except Image2ModelError as error:
            _log.warning("the preview of item %d of job %s: %s", ref.index, ref.job, error)
    return await context.store.get_job(job.id) if awaited else job


async def _complete(
    context: Context, ref: ItemRef, file: ResultFile, *, is_awaited: bool
) -> ResultFile | None:
    """
    Draw *file* unless somebody else has; None: it cannot be drawn, and is in no result.

    What failed while somebody waited for it is not tried for the next one at once.
    """
    assert file.artifact is not None, "what is awaited has a place"
    async with context.drawing.lock(file.artifact):
        item = await context.store.get_item(ref)
        known = item.file(file.name)
        if known is None or known.artifact != file.artifact or not known.is_awaited:
            return known
        if is_awaited:
            async with remembering_failure(context, file.artifact):
                content = await _content(context, item, file.artifact, context.compute)
        else:
            content = await _content(context, item, file.artifact, context.idle_compute)
        drawn = None if content is None else _described(known, content)
        await _write(context, ref, item, known, drawn)
        return drawn


async def _content(
    context: Context, item: Item, preview: ArtifactId, compute: Compute
) -> bytes | None:
    try:
        # Drawn before, for another item with the same result or by a process that was killed.
        return await read_whole(context.artifacts.read(preview))
    except ArtifactNotFound:
        pass
    mesh = item.mesh
    if mesh is None or mesh.artifact is None:
        return None
    await context.reserve.check()
    try:
        async with scratch(context) as files, compute.room(memory_for_model(mesh.size_bytes)):
            model = await files.spool(context.artifacts.read(mesh.artifact))
            content = await compute.run(context.rules.compute_s, preview_of, model)
    except InvalidMesh as error:
        _log.info("item %d of job %s cannot be drawn: %s", item.index, item.job, error)
        return None
    await put_whole(context.artifacts, preview, content, limit_bytes=len(content))
    return content


def _described(file: ResultFile, content: bytes) -> ResultFile:
    return dataclasses.replace(
        file,
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
        crc32=zlib.crc32(content),
    )


async def _write(
    context: Context, ref: ItemRef, item: Item, before: ResultFile, after: ResultFile | None
) -> None:
    assert item.result is not None, "it has a preview"
    assert before.artifact is not None, "what is awaited has a place"
    files = _replaced(item.result.files, before, after)
    await replace_result(context, ref, dataclasses.replace(item.result, files=files))
    await context.announce(ref.job)


def _replaced(
    files: Sequence[ResultFile], before: ResultFile, after: ResultFile | None
) -> Sequence[ResultFile]:
    kept = [after if file is before else file for file in files]
    return [file for file in kept if file is not None]
