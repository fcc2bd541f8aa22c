"""What goes into the archive of a job, under which names, and what is missing and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from image2model.core.errors import (
    ArtifactNotFound,
    FileNotInResult,
    FormatUnsupported,
    Image2ModelError,
    JsonValue,
)
from image2model.core.file_template import DEFAULT_TEMPLATE, FileTemplate
from image2model.core.ids import ArtifactId
from image2model.core.job import FileRole, Item, Job, Picture, ResultFile
from image2model.core.output import adjust_further
from image2model.core.states import ItemState
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.jobs.archives.names import ArchiveNames
from image2model.jobs.context import Context
from image2model.jobs.provider_links import Offer
from image2model.jobs.results.convert import find_derived
from image2model.jobs.results.download import Model, choose_model
from image2model.jobs.results.linked import offer_of_result

MODEL, PREVIEW = "model", "preview"
_LOOKS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRequest:
    """
    What a caller wants of a job.

    Attributes:
        formats: Of the models; none: those wished of the job, or as each was delivered.
        adjust: What the models shall be adjusted to; goes before what was wished of the job.
        template: What the files are called; `/` makes folders.
        previews: Whether pictures of the models come along.
        pictures: Whether the pictures they were made of come along.
        scores: Whether models that nobody has compared with their photos yet are so now, for the
            manifests.
        shows_costs: Whether the manifests tell what was paid, and the providers' names for it.
    """

    formats: Sequence[str] = ()
    adjust: Mapping[str, JsonValue] = field(default_factory=dict)
    template: str = DEFAULT_TEMPLATE
    previews: bool = True
    pictures: bool = False
    scores: bool = False
    shows_costs: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    A file of ours: where it is, and what is known of it (None: it must be read for that).

    Attributes:
        start: Where its bytes begin in the artifact.
        made_of: How it is made again, should it have made way for others; None: it stays.
    """

    artifact: ArtifactId
    start: int = 0
    size_bytes: int
    sha256: str | None = None
    crc32: int | None = None
    made_of: Model | None = None


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
        notes: What was given up for it, as far as is known before it is made.
    """

    path: str
    index: int
    role: str
    format: str
    source: Kept | Offer | Model
    notes: Sequence[str] = ()


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
        spares: By the item, the model that stands in if none that was asked for can be made of it.
        shows_costs: As in `ArchiveRequest`.
    """

    job: Job
    entries: Sequence[Entry]
    missing: Sequence[Missing]
    spares: Mapping[int, Entry] = field(default_factory=dict)
    shows_costs: bool = True

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
    formats = list(dict.fromkeys(request.formats or job.output.formats))
    _check(job, formats, request)
    names = ArchiveNames(job, FileTemplate(request.template, field="template", folders=True))
    wanted: list[Entry | Missing] = []
    spares: dict[int, Entry] = {}
    for item in job.items:
        if item.state is ItemState.SUCCEEDED and item.mesh is not None:
            each = formats or [item.mesh.format]
            models = [_model(job, item, name, request, names) for name in each]
            wanted += models
            if not any(_is_there(one) for one in models) and (spare := _spare(job, item, names)):
                spares[item.index] = spare
            wanted += _previews(job, item, names) if request.previews else ()
        if request.pictures:
            wanted += [_picture(item, picture, names) for picture in item.pictures]
    found = await _look(context, [one for one in wanted if isinstance(one, Entry)])
    entries = [one for one in found if isinstance(one, Entry)]
    missing = [one for one in (*wanted, *found) if isinstance(one, Missing)]
    # Where nothing can even be tried, what stands in has its place from the beginning.
    tried = {one.index for one in entries if one.role == MODEL}
    sure = [spares.pop(index) for index in sorted(spares.keys() - tried)]
    for there in await _look(context, sure):
        if isinstance(there, Entry):
            reasons = [one.reason for one in missing if one.index == there.index]
            entries.append(replace(there, notes=[note_of_spare(*reasons)]))
    # What is there already can be sent while the rest is being made.
    entries.sort(key=lambda one: not isinstance(one.source, Kept))
    return ArchivePlan(
        job=job,
        entries=entries,
        missing=missing,
        spares=spares,
        shows_costs=request.shows_costs,
    )


def _check(job: Job, formats: Sequence[str], request: ArchiveRequest) -> None:
    """Insist that what is asked for can be had of some item of *job*, now or when it is made."""
    delivered = {file.format for item in job.items if item.result for file in item.result.files}
    for name in formats:
        if name not in {*FORMATS, *delivered, *job.output.formats}:
            raise FormatUnsupported(format_name=name, supported=FORMATS)
    adjust = adjust_further(job.output.adjust, request.adjust)
    Conversion(format=FORMATS[0], **adjust)


def _model(
    job: Job, item: Item, format_name: str, request: ArchiveRequest, names: ArchiveNames
) -> Entry | Missing:
    try:
        model = choose_model(job, item, format_name, request.adjust)
    except FormatUnsupported as error:
        return Missing(index=item.index, role=MODEL, format=format_name, reason=error.message)
    source = model if model.convert else _source(job, item, model.source.file)
    if source is None or (model.source.file.artifact is None and model.source.offer is None):
        gone = FileNotInResult(job=job.id, index=item.index, name=model.name)
        return Missing(index=item.index, role=MODEL, format=format_name, reason=gone.message)
    return Entry(
        path=names.path(item, format_name, kind=format_name.partition(".")[0]),
        index=item.index,
        role=MODEL,
        format=format_name,
        source=source,
        notes=model.source.file.notes if model.convert is None else (),
    )


def _is_there(model: Entry | Missing) -> bool:
    return isinstance(model, Entry) and isinstance(model.source, Kept)


def _spare(job: Job, item: Item, names: ArchiveNames) -> Entry | None:
    """Offer the model that stands first as it is: what was paid for must not be missing."""
    mesh = item.mesh
    source = _source(job, item, mesh) if mesh is not None else None
    if mesh is None or source is None:
        return None
    return Entry(
        path=names.path(item, f"original.{mesh.format}", kind=mesh.format.partition(".")[0]),
        index=item.index,
        role=MODEL,
        format=mesh.format,
        source=source,
    )


def note_of_spare(*reasons: str) -> str:
    """Say why a model is there as it is, though something else was asked for."""
    why = " ".join(dict.fromkeys(reasons))
    return f"it is as it was delivered, in place of what was asked for: {why}".rstrip(" .:")


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
    """Look whether what is ours is there, or was made before, before anything is promised."""
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

    async def look_for(place: int, entry: Entry, source: Model) -> None:
        async with limiter:
            made = await find_derived(context, source.derivation)
        if made is not None and not isinstance(made.where, Path):
            await context.store.use_derived(made.where)
            kept = Kept(
                artifact=made.where,
                start=made.start,
                size_bytes=made.size_bytes,
                sha256=made.sha256,
                crc32=made.crc32,
                made_of=source,
            )
            found[place] = replace(entry, source=kept, notes=made.notes)

    async with anyio.create_task_group() as tasks:
        for place, entry in enumerate(entries):
            if isinstance(entry.source, Kept):
                tasks.start_soon(look, place, entry, entry.source)
            elif isinstance(entry.source, Model):
                tasks.start_soon(look_for, place, entry, entry.source)
    return found


def missing_of(entry: Entry, error: Image2ModelError) -> Missing:
    """Tell that *entry* could not be had."""
    return Missing(index=entry.index, role=entry.role, format=entry.format, reason=error.message)
