"""Make of a result what is said of its object and what was wished of its job."""

import contextlib
import dataclasses
import logging
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

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
from image2model.core.output import adjust_item
from image2model.core.text.names import unique_name
from image2model.geometry.conversion.request import FORMATS, SOURCES, Conversion
from image2model.jobs.computations import (
    NOT_READ,
    ConvertedFile,
    convert_model,
    examine_model,
    inspect_model,
    memory_for_model,
)
from image2model.jobs.context import Context
from image2model.jobs.results.convert import made_by
from image2model.jobs.results.download import is_described
from image2model.jobs.results.finish import PREVIEW_NAME, awaited_preview
from image2model.jobs.storage.discard import discard_artifacts, replace_result
from image2model.jobs.storage.in_memory import one_chunk
from image2model.jobs.storage.temporary_files import Scratch, read_file, scratch, telling_of_storage
from image2model.ports.dispatcher import ItemRef

_log = logging.getLogger(__name__)

NOT_MADE = "not_made"
"""The fact that says which formats were wished for and could not be made, and why."""

_FACTS_OF_MODEL = frozenset(
    {"faces", "vertices", "width_mm", "height_mm", "depth_mm", "watertight", "textures"}
    | {"texture_px", "sprite", NOT_READ, "scaled_to", "simplified_from", "fidelity"}
)
"""What is known of one file, and not of the one that takes its place."""


async def fit_result(
    context: Context, job: Job, item: Item, result: Result, *, draws: bool = False
) -> Result:
    """
    Make *result* what it should be: described, and in the forms wished of *job*.

    A described or adjusted model takes the place of the one delivered, which is kept as an
    `original`: all are made of that one, again whenever something else is said or wished, and
    nothing is paid for it. Facts and preview are those of the model that stands first. What
    cannot be made is no failure of the item: the fact `not_made` tells of it. A result of which
    only the provider has the files is left with it; its downloads are made as wished when they
    are asked for.

    Args:
        context: The ports.
        job: Whose wishes count.
        item: What is said of the object.
        result: What was delivered, or was made of it for other wishes.
        draws: Whether a new preview is drawn at once; else when it is asked for.

    Returns:
        The same result where nothing is to be done. On any error nothing that was made for it is
        left behind.

    Raises:
        ArtifactNotFound, StorageError: A file could not be read or kept.
    """
    result = _named(result, item)
    source = result.delivered
    if source is None or source.artifact is None:
        return result
    wanted = wanted_conversions(job, item, source)
    refused: Mapping[str, str] = result.facts.get(NOT_MADE, {})
    has = {file.made_by for file in result.files if file.made_by is not None}
    if has == {made_by(one, item.description) for one in wanted if one.format not in refused}:
        return result
    needs_bytes = memory_for_model(source.size_bytes)
    async with scratch(context) as files, context.compute.room(needs_bytes):
        fitting = _Fitting(context, item, source, files, generator=job.generator)
        try:
            await fitting.make(wanted)
            return await fitting.fitted(result, draws=draws)
        except BaseException:
            await discard_artifacts(context, fitting.kept)
            raise


async def fit_taken_over(context: Context, job: Job) -> None:
    """
    Make of the results that *job* took over what is said and wished in it, not in earlier jobs.

    May be called again. Where that cannot be done now, downloads are made as wished when they are
    asked for.
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


def is_fitted(job: Job, item: Item) -> bool:
    """Tell whether the model of *item* will be another one than was delivered, as far as known."""
    return bool(item.metadata or job.output.adjust)


def wanted_conversions(job: Job, item: Item, source: ResultFile) -> Sequence[Conversion]:
    """
    List what is to be made of the model *source* that was delivered, the main one first.

    Raises:
        InvalidRequest: The wishes make no sense.
    """
    adjust = adjust_item(job.output.adjust, item.metadata)
    formats = dict.fromkeys(job.output.formats)
    changed = bool(adjust) or is_described(item, source)
    if changed:
        formats = dict.fromkeys([_main_format(source), *formats])
    return [
        Conversion(format=name, **adjust)
        for name in formats
        if name in FORMATS and (changed or name != source.format)
    ]


def _main_format(source: ResultFile) -> str:
    """Tell what an adjusted model comes as, whatever else is wished for."""
    return source.format if source.format in FORMATS else "glb"


def _named(result: Result, item: Item) -> Result:
    """Call the models of *result* by the name of *item*: it may be another item's result."""
    first = result.files[0]
    stem = first.name.removesuffix(f".{first.format}")
    if stem == item.name:
        return result
    models = {FileRole.MESH, FileRole.ORIGINAL}
    files: list[ResultFile] = []
    for file in result.files:
        name = file.name
        if file.role in models and name.startswith(f"{stem}."):
            name = unique_name(f"{item.name}{name[len(stem) :]}", {one.name for one in files})
        files.append(dataclasses.replace(file, name=name))
    return dataclasses.replace(result, files=files)


class _Fitting:
    """
    Makes files of one model.

    Attributes:
        kept: What was put into the store.
    """

    def __init__(
        self,
        context: Context,
        item: Item,
        source: ResultFile,
        files: Scratch,
        *,
        generator: str,
    ) -> None:
        self._context = context
        self._scratch = files
        self._item = item
        self._generator = generator
        self._source = source
        self._delivered: Path | None = None
        self._shown: Path | None = None
        self._lies = False
        self._said: Mapping[str, JsonValue] = {}
        self._files: list[ResultFile] = []
        self.kept: list[ArtifactId] = []
        self._refused: dict[str, str] = {}

    async def make(self, wanted: Sequence[Conversion]) -> None:
        """Make all that is *wanted*, but for what cannot be made."""
        assert self._source.artifact is not None
        content = self._context.artifacts.read(self._source.artifact)
        self._delivered = await self._scratch.spool(content)
        for conversion in wanted:
            try:
                path, made = await self._convert(conversion)
                if conversion.format == _main_format(self._source):
                    self._shown = await self._upright(conversion, path)
                    self._said, self._lies = made.facts, conversion.z_up
            except (InvalidMesh, InvalidRequest, FormatUnsupported, ComputeError) as error:
                self._refused[conversion.format] = error.message
                _log.warning("no %s of item %d: %s", conversion.format, self._item.index, error)
            else:
                await self._keep(conversion, path, made)

    async def _convert(self, conversion: Conversion) -> tuple[Path, ConvertedFile]:
        if self._source.format not in SOURCES:
            raise FormatUnsupported(format_name=conversion.format, supported=[self._source.format])
        path = self._scratch.new()
        with telling_of_storage(path.parent):
            made = await self._context.compute.run(
                self._context.rules.compute_s,
                convert_model,
                self._delivered,
                path,
                conversion,
                self._item.described(self._generator),
            )
        return path, made

    async def _upright(self, conversion: Conversion, made: Path) -> Path:
        """Stand a model up that was laid down on wish: heights and pictures are of a standing."""
        if not conversion.z_up:
            return made
        standing = dataclasses.replace(conversion, format="glb", up=None)
        path, _ = await self._convert(standing)
        return path

    async def _keep(self, conversion: Conversion, path: Path, made: ConvertedFile) -> None:
        artifact = await self._stored(read_file(path))
        self._files.append(
            ResultFile(
                name=f"{self._item.name}.{conversion.format}",
                role=FileRole.MESH,
                format=conversion.format,
                size_bytes=made.size_bytes,
                sha256=made.sha256,
                crc32=made.crc32,
                artifact=artifact,
                made_by=made_by(conversion, self._item.description),
                notes=tuple(made.notes),
            )
        )

    async def _stored(self, chunks: AsyncIterator[bytes]) -> ArtifactId:
        artifact, limit_bytes = ArtifactId(new_hex_id()), self._context.rules.result_bytes
        await self._context.artifacts.put(artifact, chunks, limit_bytes=limit_bytes)
        self.kept.append(artifact)
        return artifact

    async def _kept_preview(self, content: bytes) -> ResultFile:
        return ResultFile(
            name=PREVIEW_NAME,
            role=FileRole.PREVIEW,
            format="webp",
            size_bytes=len(content),
            sha256=sha256(content).hexdigest(),
            crc32=zlib.crc32(content),
            artifact=await self._stored(one_chunk(content)),
        )

    async def fitted(self, result: Result, *, draws: bool) -> Result:
        """Put what was made into *result*, in place of what was made for other wishes."""
        models, others = self._models(), self._others(result)
        facts = {key: value for key, value in result.facts.items() if key != NOT_MADE}
        if models[0].artifact != result.files[0].artifact:
            facts = {key: value for key, value in facts.items() if key not in _FACTS_OF_MODEL}
            others = [file for file in others if file.role is not FileRole.PREVIEW]
            preview, known = await self._look(draws=draws)
            others = [preview, *others]
            facts |= {**known, **self._said}
        if self._refused:
            facts[NOT_MADE] = self._refused
        files: list[ResultFile] = []
        for file in (*models, *others):
            unique = unique_name(file.name, {known.name for known in files})
            files.append(dataclasses.replace(file, name=unique))
        return Result(files=files, facts=facts)

    def _models(self) -> Sequence[ResultFile]:
        """List the models, the one that was delivered as what it is now."""
        source, name = self._source, self._item.name
        if any(file.format == _main_format(source) for file in self._files):
            original = f"{name}.original.{source.format}"
            source = dataclasses.replace(source, name=original, role=FileRole.ORIGINAL)
            return [*self._files, source]
        source = dataclasses.replace(source, name=f"{name}.{source.format}", role=FileRole.MESH)
        return [source, *self._files]

    def _others(self, result: Result) -> Sequence[ResultFile]:
        source = self._source.artifact
        return [f for f in result.files if f.made_by is None and f.artifact != source]

    async def _look(self, *, draws: bool) -> tuple[ResultFile, Mapping[str, JsonValue]]:
        """Draw the model that stands first now, or give its preview a place; and inspect it."""
        context, model = self._context, self._shown or self._delivered
        limit_s = context.rules.compute_s
        facts: Mapping[str, JsonValue] = {}
        with contextlib.suppress(InvalidMesh, ComputeError):
            # Who draws later knows the file alone, and not that it was laid down.
            if draws or self._lies:
                examined = await context.compute.run(limit_s, examine_model, model)
                facts = examined.facts
                if examined.preview is not None:
                    return await self._kept_preview(examined.preview), facts
            else:
                facts = await context.compute.run(limit_s, inspect_model, model)
        return awaited_preview(), facts
