"""A result drawn from all around: made when somebody first looks, and kept beside it."""

from hashlib import sha256

from image2model.core.errors import ArtifactNotFound, FileNotInResult, FormatUnsupported
from image2model.core.ids import ArtifactId, OwnerId
from image2model.jobs.computations import sprite_of
from image2model.jobs.context import Context
from image2model.jobs.convert import made_by
from image2model.jobs.download import Model, find_shown, shown_file
from image2model.jobs.whole import put_whole
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
    sprite = _sprite_id(model)
    try:
        await context.artifacts.stat(sprite)
    except ArtifactNotFound:
        await _draw(context, model, sprite)
    return sprite


def _sprite_id(model: Model) -> ArtifactId:
    file = model.source.file
    told = f"{_MADE_BY}\0{file.artifact or file.provider_url}"
    if model.convert is not None and not model.looks_as_delivered:
        told += f"\0{made_by(model.convert, model.about)}"
    return ArtifactId(sha256(told.encode()).hexdigest()[:32])


async def _draw(context: Context, model: Model, sprite: ArtifactId) -> None:
    async with shown_file(context, model) as file:
        picture = await context.compute.run(context.rules.compute_s, sprite_of, file)
    if (source := model.source.file.artifact) is not None:
        await context.store.add_derived(source, sprite)
    await put_whole(context.artifacts, sprite, picture, limit_bytes=len(picture))
