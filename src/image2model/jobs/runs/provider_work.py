"""Show an item to its provider."""

from collections.abc import Awaitable, Callable

from image2model.core.ids import ArtifactId
from image2model.jobs.context import Context
from image2model.jobs.storage.in_memory import read_whole
from image2model.ports.artifacts import ArtifactStore
from image2model.ports.jobstore import Claim
from image2model.ports.provider import Work, WorkPicture


def work_of(context: Context, claim: Claim) -> Work:
    """Describe the claimed item as a provider needs it; pictures are read when asked for."""
    pictures = [
        WorkPicture(
            view=picture.view,
            media_type=picture.media_type,
            sha256=picture.sha256,
            read=_reader(context.artifacts, picture.artifact),
            pixels=picture.width_px * picture.height_px,
        )
        for picture in claim.item.pictures
    ]
    return Work(
        generator=claim.job.generator,
        options=claim.job.options,
        name=claim.item.name,
        pictures=pictures,
        keep=claim.job.keep,
    )


def _reader(artifacts: ArtifactStore, artifact: ArtifactId) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        return await read_whole(artifacts.read(artifact))

    return read
