"""Make of a result what was wished of its job: other formats, sizes and weights."""

import contextlib
import dataclasses
import logging
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256

from image2model.core.errors import (
    ComputeError,
    FormatUnsupported,
    InvalidMesh,
    InvalidRequest,
    JsonValue,
    StorageError,
)
from image2model.core.ids import ArtifactId, new_hex_id
from image2model.core.job import FileRole, Item, Job, Result, ResultFile
from image2model.core.names import unique_name
from image2model.core.output import adjust_item
from image2model.geometry.conversion import FORMATS, SOURCES, Conversion
from image2model.jobs.computations import ConvertedFile, convert_model, facts_of_model
from image2model.jobs.context import Context
from image2model.jobs.discard import discard_artifacts, replace_result
from image2model.jobs.download import known_of
from image2model.jobs.whole import put_whole, read_whole
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)

NOT_MADE = "not_made"
"""The fact that says which formats were wished for and could not be made, and why."""


async def fit_result(context: Context, job: Job, item: Item, result: Result) -> Result:
    """
    Add to *result* the files that were wished of *job*; where it has them, it stays as it is.

    An adjusted model takes the place of the one delivered, which is kept as an `original`. All
    are made of the one delivered. What cannot be made is no failure of the item, which was paid
    for: the fact `not_made` tells of it. A result of which only the provider has the files is
    left alone; its downloads are made as wished when they are asked for.

    Returns:
        The result. On any error nothing that was made for it is left behind.

    Raises:
        ArtifactNotFound, StorageError: A file could not be read or kept.
    """
    source = result.delivered
    if source is None or source.artifact is None:
        return result
    wanted = wanted_conversions(job, item, source)
    refused: Mapping[str, str] = result.facts.get(NOT_MADE, {})
    has = {file.made_by for file in result.files if file.made_by is not None}
    if has == {one.key for one in wanted if one.format not in refused}:
        return result
    fitting = _Fitting(context, item, source)
    try:
        await fitting.make(wanted)
        return await fitting.fitted(result)
    except BaseException:
        await discard_artifacts(context, fitting.kept)
        raise


async def fit_taken_over(context: Context, job: Job) -> None:
    """
    Make of the results that *job* took over what was wished of it, not of the earlier jobs.

    Where that cannot be done now, downloads are made as wished when they are asked for.
    """
    for item in job.items:
        if item.result is None:
            continue
        try:
            fitted = await fit_result(context, job, item, item.result)
            if fitted is not item.result:
                await replace_result(context, ItemRef(job.id, item.index), fitted)
        except StorageError as error:
            _log.warning("job %s: item %d is as it was made: %s", job.id, item.index, error)


def wanted_conversions(job: Job, item: Item, source: ResultFile) -> Sequence[Conversion]:
    """
    List what is to be made of the model *source* that was delivered, the main one first.

    Raises:
        InvalidRequest: The wishes make no sense.
    """
    adjust = adjust_item(job.output.adjust, item.metadata)
    formats = dict.fromkeys(job.output.formats)
    if adjust:
        formats = dict.fromkeys([_main_format(source), *formats])
    return [
        Conversion(format=name, **adjust)
        for name in formats
        if name in FORMATS and (adjust or name != source.format)
    ]


def _main_format(source: ResultFile) -> str:
    """Tell what an adjusted model comes as, whatever else is wished for."""
    return source.format if source.format in FORMATS else "glb"


class _Fitting:
    """Makes files of one model."""

    def __init__(self, context: Context, item: Item, source: ResultFile) -> None:
        self._context = context
        self._item = item
        self._source = source
        self._data = b""
        self._facts: Mapping[str, JsonValue] = {}
        self._files: list[ResultFile] = []
        self._refused: dict[str, str] = {}

    @property
    def kept(self) -> list[ArtifactId]:
        """What was put into the store."""
        return [file.artifact for file in self._files if file.artifact is not None]

    async def make(self, wanted: Sequence[Conversion]) -> None:
        assert self._source.artifact is not None
        self._data = await read_whole(self._context.artifacts.read(self._source.artifact))
        for conversion in wanted:
            try:
                made = await self._convert(conversion)
                if conversion.format == "glb":
                    self._facts = await self._look(conversion, made)
            except (InvalidMesh, InvalidRequest, FormatUnsupported, ComputeError) as error:
                self._refused[conversion.format] = error.message
                _log.warning("no %s of item %d: %s", conversion.format, self._item.index, error)
            else:
                await self._keep(conversion, made)
        if not self._facts and self._source.role is FileRole.ORIGINAL:
            # What is known so far is of the model that took its place for other wishes.
            with contextlib.suppress(InvalidMesh, ComputeError):
                self._facts = await self._facts_of(self._data)

    async def _convert(self, conversion: Conversion) -> ConvertedFile:
        if self._source.format not in SOURCES:
            raise FormatUnsupported(format_name=conversion.format, supported=[self._source.format])
        return await self._context.compute.run(
            self._context.rules.compute_s,
            convert_model,
            self._data,
            conversion,
            self._item.name,
            known_of(self._item),
        )

    async def _look(self, conversion: Conversion, made: ConvertedFile) -> Mapping[str, JsonValue]:
        if conversion.z_up:
            # Heights are those of a model that stands.
            made = await self._convert(dataclasses.replace(conversion, up="y"))
        return await self._facts_of(made.content)

    async def _facts_of(self, glb: bytes) -> Mapping[str, JsonValue]:
        context = self._context
        return await context.compute.run(context.rules.compute_s, facts_of_model, glb)

    async def _keep(self, conversion: Conversion, made: ConvertedFile) -> None:
        context, artifact = self._context, ArtifactId(new_hex_id())
        size_bytes = await put_whole(
            context.artifacts, artifact, made.content, limit_bytes=context.rules.result_bytes
        )
        self._files.append(
            ResultFile(
                name=f"{self._item.name}.{conversion.format}",
                role=FileRole.MESH,
                format=conversion.format,
                size_bytes=size_bytes,
                sha256=sha256(made.content).hexdigest(),
                crc32=zlib.crc32(made.content),
                artifact=artifact,
                made_by=conversion.key,
                notes=tuple(made.notes),
            )
        )

    async def fitted(self, result: Result) -> Result:
        """Put what was made into *result*, in place of what was made for other wishes."""
        others = [f for f in result.files if f.made_by is None and f is not self._source]
        main = _main_format(self._source)
        replaced = any(file.format == main for file in self._files)
        source = self._source
        if replaced:
            name = f"{self._item.name}.original.{source.format}"
            source = dataclasses.replace(source, name=name, role=FileRole.ORIGINAL)
        else:
            name = f"{self._item.name}.{source.format}"
            source = dataclasses.replace(source, name=name, role=FileRole.MESH)
        first = [*self._files, source] if replaced else [source, *self._files]
        files: list[ResultFile] = []
        for file in (*first, *others):
            unique = unique_name(file.name, {known.name for known in files})
            files.append(dataclasses.replace(file, name=unique))
        facts = {**result.facts, **self._facts}
        facts.pop(NOT_MADE, None)
        return Result(
            files=files, facts=facts | ({NOT_MADE: self._refused} if self._refused else {})
        )
