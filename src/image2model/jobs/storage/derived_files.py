"""Room for what is made of pictures and results: what was used longest ago makes way."""

from collections.abc import AsyncIterator

from image2model.core.ids import ArtifactId, OwnerId
from image2model.jobs.context import Context
from image2model.jobs.storage.discard import discard_artifacts
from image2model.ports.derived import Owners, Whose

_IDLE_S = 60.0
"""What was used more recently may be on its way to somebody."""


async def keep_derived(
    context: Context,
    source: ArtifactId,
    artifact: ArtifactId,
    content: AsyncIterator[bytes],
    *,
    owner: OwnerId,
    size_bytes: int,
) -> bool:
    """
    Keep what was made of *source*, as large as it is.

    Returns:
        Whether an item still has *source*; if not, nothing is kept.

    Raises:
        StorageError: It cannot be kept.
    """
    # The job store hears of it first: a crash leaves a name without a file, never a file without
    # a name.
    if not await context.store.add_derived(source, artifact, owner=owner, size_bytes=size_bytes):
        return False
    await context.artifacts.put(artifact, content, limit_bytes=size_bytes)
    return True


async def make_room(context: Context, owner: OwnerId, size_bytes: int) -> bool:
    """
    Drop what was used longest ago where *size_bytes* more of *owner*'s would be too much.

    Returns:
        Whether there is room now; if not, all that is kept was used just now.
    """
    bounds = context.rules.bounds
    limits: list[tuple[Whose, int | None]] = [
        (owner, bounds.derived_bytes_per_owner),
        (Owners.ALL, bounds.derived_bytes),
    ]
    fits = True
    for whose, limit_bytes in limits:
        if limit_bytes is not None:
            keep_bytes = limit_bytes - size_bytes
            fits &= await drop_derived(context, whose, keep_bytes=keep_bytes) <= keep_bytes
    return fits


async def give_way(context: Context) -> None:
    """
    Drop what was used longest ago where the disk has less free space than is kept for results.

    What is derived can be made again; what is refused for lack of space can not.
    """
    missing_bytes = await context.reserve.missing_bytes()
    if missing_bytes > 0:
        kept = await context.store.stored(Owners.ALL)
        await drop_derived(context, Owners.ALL, keep_bytes=kept.derived_bytes - missing_bytes)


async def drop_derived(context: Context, whose: Whose, *, keep_bytes: int) -> int:
    """
    Drop derived files that nobody uses now, until the others take no more than *keep_bytes*.

    Returns:
        What is left, in bytes.
    """
    dropped = await context.store.drop_derived(whose, keep_bytes=max(0, keep_bytes), idle_s=_IDLE_S)
    await discard_artifacts(context, dropped.artifacts)
    return dropped.left_bytes
