"""A result drawn from all around: made when somebody first looks, and kept beside it."""

from image2model.core.errors import ArtifactNotFound, FileNotInResult, FormatUnsupported
from image2model.core.ids import ArtifactId, OwnerId
from image2model.core.values.hashing import hash_of_text
from image2model.jobs.computations import sprite_of
from image2model.jobs.context import Context
from image2model.jobs.results.download import Model, find_shown, shown_file
from image2model.jobs.storage.derived_files import keep_derived, make_room
from image2model.jobs.storage.failures import remembering_failure
from image2model.jobs.storage.in_memory import once, put_whole
from image2model.ports.dispatcher import ItemRef

SPRITE_NAME = "sprite.webp"
_MADE_BY = "sprite 1"
"""Changes when sprites are drawn otherwise."""


async def find_sprite(context: Context, owner: OwnerId, ref: ItemRef) -> ArtifactId:
    """
    Draw an item's model from all around, or find it drawn.

    The picture goes with the model it is of; that of one which only its provider has goes after
    a day. Two that ask at once may both draw it.

    Returns:
        The picture; the same id for the same model.

    Raises:
        JobNotFound, ItemNotFound: They are not there, or not this owner's.
        FileNotInResult: There is no model (yet), or none that can be drawn here.
        ArtifactNotFound, StorageError, ResultExpired, FetchError: The model cannot be read.
        InvalidMesh, ComputeError: It cannot be drawn.
    """
    try:
        model = await find_shown(context, owner, ref)
    except FormatUnsupported as error:
        raise FileNotInResult(job=ref.job, index=ref.index, name=SPRITE_NAME) from error
    sprite = ArtifactId(hash_of_text(f"{_MADE_BY}\0{model.looks}")[:32])
    if not await _is_there(context, sprite):
        async with context.drawing.lock(sprite):
            if not await _is_there(context, sprite):
                await _draw(context, model, sprite)
    return sprite


async def _is_there(context: Context, sprite: ArtifactId) -> bool:
    try:
        await context.artifacts.stat(sprite)
    except ArtifactNotFound:
        return False
    await context.store.use_derived(sprite)
    return True


async def _draw(context: Context, model: Model, sprite: ArtifactId) -> None:
    await context.reserve.check()
    async with remembering_failure(context, sprite), shown_file(context, model) as file:
        picture = await context.compute.run(context.rules.compute_s, sprite_of, file)
    source = model.source.file.artifact
    await make_room(context, model.owner, len(picture))
    if source is None or not await keep_derived(
        context, source, sprite, once(picture), owner=model.owner, size_bytes=len(picture)
    ):
        await put_whole(context.artifacts, sprite, picture, limit_bytes=len(picture))
