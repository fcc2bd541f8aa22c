"""Find what can be downloaded of a job: its pictures, its results, results in other formats."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from image2model.core.errors import (
    FileNotInResult,
    FormatUnsupported,
    InvalidPictureError,
    InvalidRequest,
    JsonValue,
    ProviderResultInvalid,
    ViewNotFound,
)
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import Description, FileRole, Item, Job, Picture, ResultFile
from image2model.core.output import adjust_further, adjust_item
from image2model.geometry.conversion.request import FORMATS, SOURCES, Conversion
from image2model.geometry.pictures.types import PictureType, recognise_type
from image2model.jobs.access import owned_item
from image2model.jobs.computations import memory_for_model
from image2model.jobs.context import Context
from image2model.jobs.provider_links import Offer
from image2model.jobs.results.convert import (
    Derivation,
    Derived,
    derive,
    drop_derived,
    made_by,
    read_derived,
)
from image2model.jobs.results.linked import offer_of_result
from image2model.jobs.results.previews import draw_now
from image2model.jobs.storage.temporary_files import fetch_to, scratch
from image2model.ports.dispatcher import ItemRef

_PREVIEW_BYTES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    A file of a result that can be had.

    Attributes:
        file: The file.
        offer: Where its provider has it; None: we keep it.
    """

    file: ResultFile
    offer: Offer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """
    A mesh in the format asked for.

    Attributes:
        source: The mesh as the result has it.
        name: Its file name in the format asked for.
        format: The format asked for.
        convert: How it is made of the source; None: the source is as asked for.
        about: What is said of the object.
        owner: Whose it is.
    """

    source: Found
    name: str
    format: str
    convert: Conversion | None
    about: Description
    owner: OwnerId

    @property
    def derivation(self) -> Derivation:
        """How it is made; only of one that `convert` says something of."""
        assert self.convert is not None
        source = self.source.file.artifact
        return Derivation(
            source=source,
            origin=source or self.source.file.provider_url or "",
            owner=self.owner,
            conversion=self.convert,
            about=self.about,
        )

    @property
    def looks(self) -> str:
        """Name what is seen of it, by all that this depends on."""
        file = self.source.file
        told = f"{file.artifact or file.provider_url}"
        if self.convert is not None and not self.looks_as_delivered:
            told += f"\0{made_by(self.convert, self.about)}"
        return told

    @property
    def looks_as_delivered(self) -> bool:
        """Whether who looks at the source sees it: it has another format or name at most."""
        same = self.convert is None or self.convert.changes_nothing
        return same and not (self.convert and self.about.has_measures)


async def find_picture(context: Context, owner: OwnerId, ref: ItemRef, view: View) -> Picture:
    """
    Find one picture of an item.

    Raises:
        JobNotFound, ItemNotFound: They are not there, or not this owner's.
        ViewNotFound: The item has no picture of that view.
    """
    _, item = await owned_item(context, owner, ref)
    for picture in item.pictures:
        if picture.view is view:
            return picture
    raise ViewNotFound(job=ref.job, index=ref.index, view=view)


async def find_file(context: Context, owner: OwnerId, ref: ItemRef, name: str) -> Found:
    """
    Find the file called *name* in an item's result; one that only its provider has is looked at.

    A preview that is not drawn yet is drawn.

    Raises:
        JobNotFound, ItemNotFound: They are not there, or not this owner's.
        FileNotInResult: There is no such file (yet).
        ResultExpired: Only the provider had it, and it is not there any more.
        FetchRefused: Only the provider has it, at an address that nothing is read from.
        ArtifactNotFound, StorageError, ComputeError: It was to be drawn and cannot be now.
    """
    job, item = await owned_item(context, owner, ref)
    return await _available(context, job, item, item.file(name), name=name)


async def find_preview(context: Context, owner: OwnerId, ref: ItemRef) -> Found:
    """Find the picture of an item's model; raises what `find_file` does."""
    job, item = await owned_item(context, owner, ref)
    files = item.result.files if item.result else ()
    found = next((file for file in files if file.role is FileRole.PREVIEW), None)
    return await _available(context, job, item, found, name="preview.webp")


async def read_preview(context: Context, found: Found) -> tuple[PictureType, bytes]:
    """
    Read a preview that only its provider has, to show it in a page of ours.

    Returns:
        Its type by its bytes, and the whole file.

    Raises:
        ProviderResultInvalid: It is no picture.
        ResultExpired, FetchError, ArtifactTooLarge: It cannot be read.
    """
    assert found.offer is not None
    content = bytearray()
    async with context.links.open(found.offer, limit_bytes=_PREVIEW_BYTES) as fetched:
        async for chunk in fetched.chunks:
            content += chunk
    try:
        return recognise_type(bytes(content)), bytes(content)
    except InvalidPictureError as error:
        raise ProviderResultInvalid(
            provider=found.offer.provider, reason="its preview is no picture"
        ) from error


async def find_model(
    context: Context,
    owner: OwnerId,
    ref: ItemRef,
    format_name: str,
    *,
    asked: Mapping[str, JsonValue] | None = None,
) -> Model:
    """
    Find an item's mesh in the format asked for.

    Args:
        context: The ports.
        owner: Who asks.
        ref: Which item.
        format_name: The format; one that the provider delivered, or one of `FORMATS`.
        asked: What it shall be adjusted to; goes before what was wished of the job.

    Raises:
        FormatUnsupported: It can neither be had nor made.
        InvalidRequest: What is asked for makes no sense.
        JobNotFound, ItemNotFound, FileNotInResult, ResultExpired, FetchRefused: As for `find_file`.
    """
    job, item = await owned_item(context, owner, ref)
    if item.mesh is None:
        if format_name not in FORMATS:
            raise FormatUnsupported(format_name=format_name, supported=FORMATS)
        raise FileNotInResult(job=job.id, index=item.index, name=f"{item.name}.{format_name}")
    model = choose_model(job, item, format_name, asked or {})
    source = await _available(context, job, item, model.source.file, name=model.name)
    return replace(model, source=source)


def choose_model(job: Job, item: Item, format_name: str, asked: Mapping[str, JsonValue]) -> Model:
    """
    Choose which file of a result is as asked for, or of which it is made; looks at none.

    Args:
        job: The job, whose wishes hold where nothing else is asked for.
        item: One that has a result.
        format_name: The format.
        asked: What it shall be adjusted to.

    Raises:
        FormatUnsupported: It can neither be had nor made.
        InvalidRequest: What is asked for makes no sense.
    """
    assert item.result is not None
    delivered = item.result.delivered or item.mesh
    assert delivered is not None
    adjust = adjust_further(adjust_item(job.output.adjust, item.metadata), asked)
    if format_name not in FORMATS:
        if delivered.format != format_name or asked:
            raise FormatUnsupported(format_name=format_name, supported=FORMATS)
        return _as_it_is(job, item, delivered)
    conversion = Conversion(format=format_name, **adjust)
    plain = conversion.changes_nothing and not is_described(item, delivered)
    if plain and delivered.format == format_name:
        return _as_it_is(job, item, delivered)
    key = made_by(conversion, item.description)
    made = next((file for file in item.result.files if file.made_by == key), None)
    if made is not None:
        return _as_it_is(job, item, made)
    if delivered.format not in SOURCES:
        raise FormatUnsupported(format_name=format_name, supported=[delivered.format])
    return Model(
        source=_found(job, item, delivered),
        name=f"{item.name}.{format_name}",
        format=format_name,
        convert=conversion,
        about=item.described(job.generator),
        owner=job.owner,
    )


def is_described(item: Item, delivered: ResultFile) -> bool:
    """
    Tell whether what is said of *item* changes the file that was *delivered* for it.

    GLB files say all of it. Others that can be read get their size and their limit of faces.
    """
    if delivered.format == "glb":
        return bool(item.metadata)
    return delivered.format in SOURCES and item.description.has_measures


def _as_it_is(job: Job, item: Item, file: ResultFile) -> Model:
    named = replace(file, name=f"{item.name}.{file.format}")
    return Model(
        source=_found(job, item, named),
        name=named.name,
        format=file.format,
        convert=None,
        about=item.described(job.generator),
        owner=job.owner,
    )


def _found(job: Job, item: Item, file: ResultFile) -> Found:
    linked = file.artifact is None and file.provider_url is not None
    return Found(file=file, offer=offer_of_result(job, item, file) if linked else None)


async def convert_model(context: Context, model: Model) -> Derived:
    """
    Convert *model*, whose `convert` is not None, or find what was made of it before.

    What only its provider has is fetched for it. Whoever asked calls `drop_derived` in the end.

    Raises:
        FileNotInResult, StorageError, ResultExpired, FetchError: The source cannot be read.
        InvalidMesh: The source cannot be understood.
        InvalidRequest: It cannot become as small as asked for.
        ComputeError: The conversion did not come to its end.
    """
    content, size_bytes = read_found(context, model.source), model.source.file.size_bytes
    return await derive(context, model.derivation, content, size_bytes=size_bytes)


async def read_model(context: Context, model: Model) -> AsyncIterator[bytes]:
    """Read *model* as asked for, converted if need be; raises what `convert_model` does."""
    if model.convert is None:
        async for chunk in read_found(context, model.source):
            yield chunk
        return
    made = await convert_model(context, model)
    try:
        async for chunk in read_derived(context, made):
            yield chunk
    finally:
        await drop_derived(made)


async def find_shown(context: Context, owner: OwnerId, ref: ItemRef) -> Model:
    """
    Find an item's model for looking at it: the one that its owner gets, but always upright.

    Raises:
        FormatUnsupported: It is of a kind that cannot be read here.
        JobNotFound, ItemNotFound, FileNotInResult, ResultExpired, FetchRefused: As for `find_file`.
    """
    job, item = await owned_item(context, owner, ref)
    if (mesh := item.mesh) is None:
        raise FileNotInResult(job=job.id, index=item.index, name=f"{item.name}.glb")
    lies = mesh.made_by is not None and job.output.adjust.get("up") == "z"
    if mesh.artifact is not None and mesh.format in SOURCES and not lies:
        return _as_it_is(job, item, mesh)
    # What can be turned into GLB can be understood.
    return await find_model(context, owner, ref, "glb", asked={"up": None})


@asynccontextmanager
async def shown_file(context: Context, model: Model) -> AsyncIterator[Path]:
    """
    Have what `find_shown` found in a file, and the memory to compute with it, within the block.

    What cannot be made as small as was wished of it is shown as it was delivered.

    Raises:
        ArtifactNotFound, StorageError, ResultExpired, FetchError: It cannot be read.
        InvalidMesh: It cannot be understood.
        ComputeError: The conversion did not come to its end.
    """
    made: Derived | None = None
    if not model.looks_as_delivered:
        with contextlib.suppress(InvalidRequest):
            made = await convert_model(context, model)
    try:
        size_bytes = made.size_bytes if made else model.source.file.size_bytes
        chunks = read_derived(context, made) if made else read_found(context, model.source)
        async with scratch(context) as files:
            file = None
            if made is None and model.source.offer is not None:
                file = await fetch_to(context, files, chunks)
            async with context.compute.room(memory_for_model(size_bytes)):
                yield file or await files.spool(chunks)
    finally:
        if made is not None:
            await drop_derived(made)


async def read_found(context: Context, found: Found) -> AsyncIterator[bytes]:
    """
    Read a file of a result, wherever it is.

    Raises:
        ArtifactNotFound, StorageError, ResultExpired, FetchError: It cannot be read.
    """
    if found.offer is None:
        assert found.file.artifact is not None
        async for chunk in context.artifacts.read(found.file.artifact):
            yield chunk
        return
    limit_bytes = context.rules.result_bytes
    async with context.links.open(found.offer, limit_bytes=limit_bytes) as fetched:
        async for chunk in fetched.chunks:
            yield chunk


async def _available(
    context: Context, job: Job, item: Item, file: ResultFile | None, *, name: str
) -> Found:
    if file is None or (file.artifact is None and file.provider_url is None):
        raise FileNotInResult(job=job.id, index=item.index, name=name)
    if file.is_awaited:
        return Found(file=await draw_now(context, ItemRef(job.id, item.index), file), offer=None)
    if file.artifact is not None:
        return Found(file=file, offer=None)
    offer = offer_of_result(job, item, file)
    await context.links.require(offer)
    return Found(file=file, offer=offer)
