"""Every hostile file through every way in: refused in words or taken, and nothing else suffers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import anyio
import pytest

from image2model.backends.inprocess.compute import ProcessCompute
from image2model.core.errors import Image2ModelError
from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId, new_hex_id
from image2model.core.job import Description, FileRole, Handle
from image2model.core.states import ItemState
from image2model.documents.spreadsheet import read_sheet_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.computations import check_picture_file, convert_model
from image2model.jobs.context import Rules
from image2model.jobs.intake.submit import JobRequest, NewItem, submit_job
from image2model.jobs.results.report import report_model
from image2model.ports.provider import Delivery, ProvidedFile, Work
from image2model.testing.scripted_provider import ScriptedProvider
from image2model.testing.tiny_model import tiny_glb
from tests.harness.rig import Rig
from tests.hostile.corpus import Hostile, corpus

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
MEMORY_BYTES = 1_500_000_000
CORPUS = list(corpus())


@cache
def content(one: Hostile) -> bytes:
    """Make a file once for all tests."""
    return one.make()


PICTURE_CODES = {
    "not_a_picture",
    "picture_type_unsupported",
    "picture_damaged",
    "picture_too_small",
    "picture_too_many_pixels",
    "picture_empty",
}


@pytest.fixture
async def compute() -> AsyncIterator[ProcessCompute]:
    async with aclosing(ProcessCompute(workers=2, memory_limit_bytes=MEMORY_BYTES)) as made:
        yield made


async def each(
    files: Sequence[Hostile], attempt: Callable[[Hostile], Awaitable[None]], codes: set[str]
) -> None:
    """Give every file to *attempt*, two at a time; it must return or raise one of *codes*."""
    wrong: list[str] = []
    waiting = list(reversed(files))

    async def work() -> None:
        while waiting:
            one = waiting.pop()
            try:
                await attempt(one)
            except Image2ModelError as error:
                if error.code not in codes or not error.message.isprintable():
                    wrong.append(f"{one.name}: {error.code}: {error.message}")

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        group.start_soon(work)
    assert not wrong


async def test_as_pictures(compute: ProcessCompute, tmp_path: Path) -> None:
    """As an upload; of what are no pictures, all are refused."""

    async def attempt(one: Hostile) -> None:
        source = tmp_path / f"{CORPUS.index(one)}"
        source.write_bytes(content(one))
        clean = source.with_suffix(".clean")
        facts = await compute.run(
            LIMIT_S, check_picture_file, str(source), str(clean), PictureLimits()
        )
        assert "picture" in one.name
        assert facts.media_type in {"image/png", "image/jpeg", "image/webp", "image/avif"}
        kept = (clean if facts.rewritten else source).read_bytes()
        # What browsers and tools may take for something else is no longer in it.
        assert b"<script" not in kept
        assert b"<?php" not in kept

    await each(CORPUS, attempt, PICTURE_CODES)


async def test_as_sheets(compute: ProcessCompute) -> None:
    """As the spreadsheet of a job."""

    async def attempt(one: Hostile) -> None:
        sheet = await compute.run(LIMIT_S, read_sheet_file, content(one))
        assert all(row.name.isprintable() for row in sheet.rows), one.name

    await each([one for one in CORPUS if one.kind == "sheet"], attempt, {"invalid_sheet"})


async def test_inspected_and_converted(compute: ProcessCompute, tmp_path: Path) -> None:
    """As a model that somebody wants to look into, or to have in another format."""

    async def attempt(one: Hostile) -> None:
        source = tmp_path / f"{CORPUS.index(one)}"
        source.write_bytes(content(one))
        target = source.with_suffix(".made")
        about = Description(name="it")
        try:
            await compute.run(LIMIT_S, report_model, source, 0.4)
        finally:
            for name in ("stl", "glb"):
                conversion = Conversion(format=name)
                await compute.run(LIMIT_S, convert_model, source, target, conversion, about)

    await each(
        [one for one in CORPUS if one.kind == "model"], attempt, {"invalid_mesh", "invalid_request"}
    )


@dataclass(slots=True)
class HostileMaker(ScriptedProvider):
    """Delivers what it is told to, under names and with facts that are hostile too."""

    files: dict[str, bytes] = field(default_factory=dict)

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Deliver a file of the corpus as the mesh."""
        del handle
        mesh = ProvidedFile(
            name="../../\x1b[2J\u202emodel.glb",
            role=FileRole.MESH,
            content=self.files.get(work.name, tiny_glb(work.name)),
        )
        facts = {"seed": 1, "\x1b]0;title\x07": "\x9b31m\ud800", "deep": [["\u202e"]]}
        return Delivery(files=[mesh], facts=facts)


def texts_in(value: object) -> Iterator[str]:
    """Yield all texts in a value, as they are: written as a whole they would be escaped."""
    match value:
        case str():
            yield value
        case Mapping():
            for key, inner in value.items():
                yield from texts_in(key)
                yield from texts_in(inner)
        case Sequence():
            for inner in value:
                yield from texts_in(inner)


async def test_of_a_maker(compute: ProcessCompute, tmp_path: Path) -> None:
    """As the result of an item: it fails or is kept, and the items beside it are made."""
    rig = Rig(tmp_path, rules=Rules(picture=PictureLimits(), incoming=tmp_path, items_per_job=999))
    files = {f"file-{n}": one for n, one in enumerate(CORPUS) if one.kind == "model"}
    maker = HostileMaker(rig.clock, files={name: content(one) for name, one in files.items()})
    rig.context = replace(
        rig.context,
        compute=compute,
        idle_compute=compute,
        catalogue=type(rig.context.catalogue)([maker], default=GeneratorId("scripted/cube")),
    )
    rig.keeper, rig.runner = rig.worker("one")
    picture = (await rig.new_item("any")).pictures
    names = ["good-1", *files, "good-2"]
    job = await submit_job(
        rig.context,
        OwnerId(new_hex_id()),
        JobRequest(),
        [NewItem(name=name, pictures=picture) for name in names],
    )
    # Without previews, which are drawn apart from items and can be missing.
    while refs := rig.dispatcher.take():
        for ref in refs:
            await rig.runner.run(ref)
    made = await rig.store.get_job(job.id)
    assert [item.name for item in made.items] == names
    assert len(files) > 100
    wrong = []
    for item in made.items:
        is_good = item.name.startswith("good")
        assert not is_good or item.state is ItemState.SUCCEEDED
        what = item.name if is_good else files[item.name].name
        if item.state is ItemState.SUCCEEDED:
            assert item.result is not None
            told = [*texts_in(item.result.facts), *(one.name for one in item.result.files)]
            assert "deep" in told
            assert all(map(str.isprintable, told)), what
        elif item.problem is None or item.problem.code != "provider_result_invalid":
            wrong.append(f"{what}: {item.state}: {item.problem}")
        else:
            assert item.problem.message.isprintable(), what
    assert not wrong
