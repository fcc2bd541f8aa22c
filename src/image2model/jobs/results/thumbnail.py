"""Pictures drawn small: made when a page first shows them, and kept beside the picture."""

from dataclasses import dataclass
from enum import IntEnum

from image2model.core.errors import ArtifactNotFound, ViewNotFound
from image2model.core.generator import View
from image2model.core.ids import ArtifactId, OwnerId
from image2model.core.job import Picture
from image2model.core.values.hashing import hash_of_text
from image2model.jobs.computations import memory_for_pictures, thumbnail_of
from image2model.jobs.context import Context
from image2model.jobs.results.download import find_picture
from image2model.jobs.storage.derived_files import keep_derived, make_room
from image2model.jobs.storage.failures import remembering_failure
from image2model.jobs.storage.in_memory import once, read_whole
from image2model.ports.dispatcher import ItemRef

THUMBNAIL_NAME = "thumb.webp"


class ThumbnailSize(IntEnum):
    """The most pixels of the longer side, for screens of two pixels where CSS has one."""

    ROW = 160
    CARD = 480


_MADE_BY = "thumbnail 1"
"""Changes when thumbnails are drawn otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """
    A small rendition that is stored.

    Attributes:
        artifact: Its file, WebP.
        version: Names the picture that it shows; see `version_of`.
    """

    artifact: ArtifactId
    version: str


def version_of(picture: Picture) -> str:
    """Name what thumbnails of *picture* look like: 16 hex digits that change when they do."""
    return hash_of_text(f"{_MADE_BY}\0{picture.artifact}")[:16]


async def find_thumbnail(
    context: Context, owner: OwnerId, ref: ItemRef, view: View, *, size_px: ThumbnailSize
) -> Thumbnail:
    """
    Draw a picture of an item small, or find it drawn. It goes with the picture.

    Two that ask at once may both draw it; the results are equal.

    Args:
        context: The ports.
        owner: Who asks.
        ref: The item.
        view: Which of its pictures.
        size_px: How small.

    Raises:
        JobNotFound, ItemNotFound, ViewNotFound: There is no such picture of this owner's.
        ArtifactNotFound, StorageError: The picture cannot be read.
        ComputeError: It cannot be drawn now.
    """
    picture = await find_picture(context, owner, ref, view)
    version = version_of(picture)
    told = f"{_MADE_BY}\0{size_px:d}\0{picture.artifact}"
    thumbnail = ArtifactId(hash_of_text(told)[:32])
    try:
        await context.artifacts.stat(thumbnail)
        await context.store.use_derived(thumbnail)
    except ArtifactNotFound:
        await context.reserve.check()
        content = await read_whole(context.artifacts.read(picture.artifact))
        rules, pixels = context.rules, picture.width_px * picture.height_px
        async with (
            remembering_failure(context, thumbnail),
            context.compute.room(memory_for_pictures(pixels)),
        ):
            drawn = await context.compute.run(
                rules.compute_s, thumbnail_of, content, int(size_px), rules.picture
            )
        await make_room(context, owner, len(drawn))
        if not await keep_derived(
            context,
            picture.artifact,
            thumbnail,
            once(drawn),
            owner=owner,
            size_bytes=len(drawn),
        ):
            raise ViewNotFound(job=ref.job, index=ref.index, view=view) from None
    return Thumbnail(artifact=thumbnail, version=version)
