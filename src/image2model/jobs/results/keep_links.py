"""Copy results into our store of which only their provider has the files."""

from collections.abc import Sequence

from image2model.core.errors import ResultExpired
from image2model.core.job import Item, Job, KeepPolicy, ResultFile
from image2model.jobs.catalogue import provider_name
from image2model.jobs.context import Context
from image2model.jobs.results.finalize import fit_result, is_fitted
from image2model.jobs.results.finish import artifacts_of, take_delivery
from image2model.jobs.storage.discard import discard_artifacts, replace_result
from image2model.ports.dispatcher import ItemRef
from image2model.ports.provider import Delivery, ProvidedFile


async def keep_links(context: Context, job: Job) -> None:
    """
    Copy the results of *job* that only the provider has, as far as they are still there.

    May be called again: what was copied before is left alone.

    Raises:
        ResultExpired: Nothing of the job is left to be kept.
        FetchError, StorageError: A file could not be copied now.
        ProviderResultInvalid: What is there now is no 3D model.
    """
    linked = [item for item in job.items if item.mesh is not None and item.mesh.artifact is None]
    made = [item for item in job.items if item.mesh is not None]
    gone: list[ResultExpired] = []
    for item in linked:
        try:
            await _keep_item(context, job, item)
        except ResultExpired as error:
            gone.append(error)
    if gone and len(gone) == len(made):
        raise gone[0]


async def _keep_item(context: Context, job: Job, item: Item) -> None:
    assert item.result is not None
    kept = await take_delivery(
        context,
        Delivery(files=_offered(item.result.files), facts=item.result.facts),
        keep=KeepPolicy.KEEP,
        provider=provider_name(job.generator),
        item_name=item.name,
        draws=not is_fitted(job, item),
    )
    try:
        fitted = await fit_result(context, job, item, kept, draws=True)
    except BaseException:
        await discard_artifacts(context, artifacts_of(kept.files))
        raise
    await replace_result(context, ItemRef(job.id, item.index), fitted)


def _offered(files: Sequence[ResultFile]) -> list[ProvidedFile]:
    return [
        ProvidedFile(
            name=file.name, role=file.role, url=file.provider_url, expires_at=file.expires_at
        )
        for file in files
        if file.provider_url is not None
    ]
