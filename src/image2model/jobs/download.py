"""Find what can be downloaded of a job: its pictures, its results, results in other formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from image2model.core.errors import (
    FileNotInResult,
    FormatUnsupported,
    ItemNotFound,
    ResultExpired,
    ViewNotFound,
)
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import FileRole, Item, Picture, ResultFile
from image2model.jobs.access import owned_job
from image2model.jobs.computations import stl_of
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef

MESH_FORMATS: Mapping[str, Callable[[bytes], bytes]] = {"stl": stl_of}
"""What a GLB file can be turned into, and the function that does it in a worker process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """
    A mesh in the format asked for.

    Attributes:
        source: The mesh as the result has it.
        name: Its file name in the format asked for.
        format: The format asked for.
        convert: Makes it of the source's bytes; None: the source has that format already.
    """

    source: ResultFile
    name: str
    format: str
    convert: Callable[[bytes], bytes] | None


async def find_picture(context: Context, owner: OwnerId, ref: ItemRef, view: View) -> Picture:
    """
    Find one picture of an item.

    Raises:
        JobNotFound, ItemNotFound: They are not there, or not this owner's.
        ViewNotFound: The item has no picture of that view.
    """
    item = await _owned_item(context, owner, ref)
    for picture in item.pictures:
        if picture.view is view:
            return picture
    raise ViewNotFound(job=ref.job, index=ref.index, view=view)


async def find_file(context: Context, owner: OwnerId, ref: ItemRef, name: str) -> ResultFile:
    """
    Find the file called *name* in an item's result.

    Raises:
        JobNotFound, ItemNotFound: They are not there, or not this owner's.
        FileNotInResult: There is no such file (yet).
        ResultExpired: Only the provider had it, and its URL has ended.
    """
    item = await _owned_item(context, owner, ref)
    return _available(context, ref, item.file(name), name=name)


async def find_preview(context: Context, owner: OwnerId, ref: ItemRef) -> ResultFile:
    """Find the picture of an item's model; raises what `find_file` does."""
    item = await _owned_item(context, owner, ref)
    files = item.result.files if item.result else ()
    found = next((file for file in files if file.role is FileRole.PREVIEW), None)
    return _available(context, ref, found, name="preview.webp")


async def find_model(context: Context, owner: OwnerId, ref: ItemRef, format_name: str) -> Model:
    """
    Find an item's mesh in the format asked for.

    Raises:
        FormatUnsupported: It can neither be had nor made.
        JobNotFound, ItemNotFound, FileNotInResult, ResultExpired: As for `find_file`.
    """
    item = await _owned_item(context, owner, ref)
    mesh = item.mesh
    formats = ["glb", *MESH_FORMATS]
    if format_name not in formats and (mesh is None or mesh.format != format_name):
        raise FormatUnsupported(format_name=format_name, supported=formats)
    name = f"{item.name}.{format_name}"
    source = _available(context, ref, mesh, name=name)
    if source.format == format_name:
        return Model(source=source, name=source.name, format=format_name, convert=None)
    if source.format != "glb" or format_name not in MESH_FORMATS:
        raise FormatUnsupported(format_name=format_name, supported=[source.format])
    return Model(source=source, name=name, format=format_name, convert=MESH_FORMATS[format_name])


async def make_model(context: Context, model: Model) -> bytes:
    """
    Convert *model*, whose `convert` is not None.

    Raises:
        FileNotInResult, StorageError: The source cannot be read.
        InvalidMesh: The source cannot be understood.
        ComputeError: The conversion did not come to its end.
    """
    assert model.convert is not None
    assert model.source.artifact is not None
    glb = b"".join([chunk async for chunk in context.artifacts.read(model.source.artifact)])
    return await context.compute.run(context.rules.compute_s, model.convert, glb)


async def _owned_item(context: Context, owner: OwnerId, ref: ItemRef) -> Item:
    job = await owned_job(context, owner, ref.job)
    for item in job.items:
        if item.index == ref.index:
            return item
    raise ItemNotFound(job=ref.job, index=ref.index)


def _available(context: Context, ref: ItemRef, file: ResultFile | None, *, name: str) -> ResultFile:
    if file is None or (file.artifact is None and file.provider_url is None):
        raise FileNotInResult(job=ref.job, index=ref.index, name=name)
    ended_at = file.expires_at if file.artifact is None else None
    if ended_at is not None and ended_at <= context.clock.now():
        raise ResultExpired(name=file.name, expired_at=f"{ended_at:%Y-%m-%d %H:%M} UTC")
    return file
