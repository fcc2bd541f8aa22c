"""What goes into the archive of a job, under which names, and what is missing and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import anyio

from image2model.core.errors import ArtifactNotFound, FormatUnsupported, Image2ModelError
from image2model.core.file_template import DEFAULT_TEMPLATE, FileTemplate
from image2model.core.ids import ArtifactId
from image2model.core.job import FileRole, Item, Job, Picture, ResultFile
from image2model.core.states import ItemState
from image2model.geometry.conversion import SOURCES, Conversion
from image2model.jobs.archive_names import ArchiveNames
from image2model.jobs.context import Context
from image2model.jobs.download import MESH_FORMATS, Found, Model, known_of
from image2model.jobs.linked import offer_of_result
from image2model.jobs.links import Offer

MODEL, PREVIEW = "model", "preview"
_LOOKS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRequest:
    """
    What a caller wants of a job.

    Attributes:
        formats: Of the models; none: each as it was delivered.
        adjust: What every model is adjusted to, whose `format` says nothing; None: nothing.
        template: What the files are called; `/` makes folders.
        previews: Whether pictures of the models come along.
        pictures: Whether the pictures they were made of come along.
    """

    formats: Sequence[str] = ()
    adjust: Conversion | None = None
    template: str = DEFAULT_TEMPLATE
    previews: bool = True
    pictures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file of ours: where it is, and what is known of it (None: it must be read for that)."""

    artifact: ArtifactId
    size_bytes: int
    sha256: str | None = None
    crc32: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    A file that is to be in the archive.

    Attributes:
        path: Its name there, with `/` between folders.
        index: Of the item it belongs to.
        role: `model`, `preview`, or the name of a view.
        format: What it is, such as `glb`.
        source: Where it comes from: from us, from its provider, or made of what is there.
    """

    path: str
    index: int
    role: str
    format: str
    source: Kept | Offer | Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A file that should have been in the archive, and why it is not."""

    index: int
    role: str
    format: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """
    Everything that is to go into an archive.

    Attributes:
        job: The job.
        entries: The files, in order.
        missing: What is known to be missing beforehand.
    """

    job: Job
    entries: Sequence[Entry]
    missing: Sequence[Missing]

    @property
    def is_fixed(self) -> bool:
        """Whether it is known to the last byte: all of it is ours, and nothing must be made."""
        return all(isinstance(entry.source, Kept) for entry in self.entries)


async def plan_archive(context: Context, job: Job, request: ArchiveRequest) -> ArchivePlan:
    """
    Plan the archive of *job*: what has been made so far.

    Raises:
        InvalidRequest: The template makes no file names.
        FormatUnsupported: A format can neither be had nor made of any item.
    """
    _check_formats(job, request.formats)
    names = ArchiveNames(job, FileTemplate(request.template, field="template", folders=True))
    wanted: list[Entry | Missing] = []
    for item in job.items:
        if item.state is ItemState.SUCCEEDED and item.mesh is not None:
            wanted += _models(job, item, item.mesh, request, names)
            wanted += _previews(job, item, names) if request.previews else ()
        if request.pictures:
            wanted += [_picture(item, picture, names) for picture in item.pictures]
    found = await _look(context, [one for one in wanted if isinstance(one, Entry)])
    return ArchivePlan(
        job=job,
        entries=[one for one in found if isinstance(one, Entry)],
        missing=[one for one in (*wanted, *found) if isinstance(one, Missing)],
    )


def _check_formats(job: Job, formats: Sequence[str]) -> None:
    """Insist that each of *formats* can be had of some item of *job*, now or when it is made."""
    delivered = {item.mesh.format for item in job.items if item.mesh}
    known = list(MESH_FORMATS)
    for name in formats:
        if name not in {*known, *delivered}:
            raise FormatUnsupported(format_name=name, supported=known)


def _models(
    job: Job, item: Item, mesh: ResultFile, request: ArchiveRequest, names: ArchiveNames
) -> Iterator[Entry | Missing]:
    plain = request.adjust is None or replace(request.adjust, format="glb").changes_nothing
    for format_name in dict.fromkeys(request.formats) or [mesh.format]:
        source: Kept | Offer | Model | None = None
        if mesh.format == format_name and plain:
            source = _source(job, item, mesh)
        elif mesh.format in SOURCES and format_name in MESH_FORMATS:
            conversion = MESH_FORMATS[format_name]
            if request.adjust is not None:
                conversion = replace(request.adjust, format=format_name)
            source = _conversion(job, item, mesh, conversion)
        if source is None:
            refusal = FormatUnsupported(format_name=format_name, supported=[mesh.format])
            yield Missing(index=item.index, role=MODEL, format=format_name, reason=refusal.message)
            continue
        yield Entry(
            path=names.path(item, format_name, kind=format_name.partition(".")[0]),
            index=item.index,
            role=MODEL,
            format=format_name,
            source=source,
        )


def _conversion(job: Job, item: Item, mesh: ResultFile, conversion: Conversion) -> Model | None:
    if mesh.artifact is None and mesh.provider_url is None:
        return None
    offer = offer_of_result(job, item, mesh) if mesh.artifact is None else None
    return Model(
        source=Found(file=mesh, offer=offer),
        name=f"{item.name}.{conversion.format}",
        format=conversion.format,
        convert=conversion,
        metadata=known_of(item),
    )


def _source(job: Job, item: Item, file: ResultFile) -> Kept | Offer | None:
    if file.artifact is not None:
        return Kept(
            artifact=file.artifact,
            size_bytes=file.size_bytes or 0,
            sha256=file.sha256,
            crc32=file.crc32,
        )
    return offer_of_result(job, item, file) if file.provider_url is not None else None


def _previews(job: Job, item: Item, names: ArchiveNames) -> Iterator[Entry]:
    files = item.result.files if item.result else ()
    for file in files:
        source = _source(job, item, file) if file.role is FileRole.PREVIEW else None
        if source is not None:
            path = names.path(item, f"{PREVIEW}.{file.format}", kind=PREVIEW)
            yield Entry(
                path=path, index=item.index, role=PREVIEW, format=file.format, source=source
            )


def _picture(item: Item, picture: Picture, names: ArchiveNames) -> Entry:
    kind = picture.media_type.rpartition("/")[2]
    return Entry(
        path=names.path(item, f"{picture.view}.{kind}", kind="picture"),
        index=item.index,
        role=picture.view.value,
        format=kind,
        source=Kept(artifact=picture.artifact, size_bytes=picture.size_bytes),
    )


async def _look(context: Context, entries: Sequence[Entry]) -> Sequence[Entry | Missing]:
    """Look whether what is ours is there, before anything is promised."""
    found: list[Entry | Missing] = list(entries)
    limiter = anyio.CapacityLimiter(_LOOKS_AT_ONCE)

    async def look(place: int, entry: Entry, source: Kept) -> None:
        async with limiter:
            try:
                stored = await context.artifacts.stat(source.artifact)
            except ArtifactNotFound as error:
                found[place] = missing_of(entry, error)
            else:
                kept = replace(source, size_bytes=stored.size_bytes)
                found[place] = replace(entry, source=kept)

    async with anyio.create_task_group() as tasks:
        for place, entry in enumerate(entries):
            if isinstance(entry.source, Kept):
                tasks.start_soon(look, place, entry, entry.source)
    return found


def missing_of(entry: Entry, error: Image2ModelError) -> Missing:
    """Tell that *entry* could not be had."""
    return Missing(index=entry.index, role=entry.role, format=entry.format, reason=error.message)
