"""How well a result matches its photo: computed when somebody first asks, and remembered."""

import logging
from dataclasses import replace

import anyio

from image2model.core.errors import FileNotInResult, Image2ModelError
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import Item, Job
from image2model.core.values.hashing import hash_of_text
from image2model.geometry.conversion.request import SOURCES
from image2model.jobs.access import owned_item, owned_job
from image2model.jobs.computations import FidelityFacts, fidelity_of
from image2model.jobs.context import Context
from image2model.jobs.results.download import find_shown, shown_file
from image2model.jobs.storage.discard import replace_result
from image2model.jobs.storage.failures import remembering_failure
from image2model.jobs.storage.in_memory import read_whole
from image2model.ports.dispatcher import ItemRef

FACT = "fidelity"
_AT_ONCE = 4
_log = logging.getLogger(__name__)


async def find_fidelity(context: Context, owner: OwnerId, ref: ItemRef) -> FidelityFacts:
    """
    Compare an item's model with its front picture, unless that was done before.

    What comes of it is remembered as the fact `fidelity` of the result, which whoever watches the
    job is told.

    Raises:
        JobNotFound, ItemNotFound: They are not there, or not this owner's.
        FileNotInResult: There is no model (yet).
        ArtifactNotFound, StorageError, ResultExpired, FetchError: It cannot be read.
        InvalidMesh, ComputeError: It cannot be compared.
    """
    _, item = await owned_item(context, owner, ref)
    if item.result is None or item.mesh is None:
        raise FileNotInResult(job=ref.job, index=ref.index, name="fidelity")
    if known := item.result.facts.get(FACT):
        return FidelityFacts(**known)
    readable = item.mesh.format in SOURCES
    found = await _compare(context, owner, item) if readable else _unread(item.mesh.format)
    await _remember(context, owner, ref, found)
    return found


async def score_all(context: Context, owner: OwnerId, job: Job) -> Job:
    """
    Compare every model of *job* with its photo that nobody has compared yet.

    What cannot be compared now stays without a score.

    Returns:
        The job with its items, as it is then.
    """
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def score(ref: ItemRef) -> None:
        async with limiter:
            try:
                await find_fidelity(context, owner, ref)
            except Image2ModelError as error:
                _log.warning("the score of item %d of job %s: %s", ref.index, ref.job, error)

    async with anyio.create_task_group() as tasks:
        for item in job.items:
            if item.mesh is not None and item.result and FACT not in item.result.facts:
                tasks.start_soon(score, ItemRef(job.id, item.index))
    return await owned_job(context, owner, job.id)


async def _compare(context: Context, owner: OwnerId, item: Item) -> FidelityFacts:
    shown = await find_shown(context, owner, ItemRef(item.job, item.index))
    fronts = [picture for picture in item.pictures if picture.view is View.FRONT]
    picture = (fronts or list(item.pictures))[0]
    photo = await read_whole(context.artifacts.read(picture.artifact))
    rules = context.rules
    compared = f"{FACT}\0{shown.looks}\0{picture.artifact}"
    async with (
        remembering_failure(context, hash_of_text(compared)),
        shown_file(context, shown) as model,
    ):
        return await context.compute.run(rules.compute_s, fidelity_of, model, photo, rules.picture)


def _unread(format_name: str) -> FidelityFacts:
    return FidelityFacts(
        score=None,
        iou=None,
        color_difference=None,
        meaning=f"unknown: {format_name.upper()} files cannot be read here",
        yaw_deg=None,
        pitch_deg=None,
    )


async def _remember(context: Context, owner: OwnerId, ref: ItemRef, found: FidelityFacts) -> None:
    # Read again: the files may have been copied to us in the meantime.
    _, item = await owned_item(context, owner, ref)
    if item.result is None:
        return
    facts = {**item.result.facts, FACT: found.as_json()}
    await replace_result(context, ref, replace(item.result, facts=facts))
    await context.announce(ref.job)
