"""Large pictures and models: computed with few at once, and never held here."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import cv2
import numpy as np
import pytest

from image2model.core.errors import StorageFull
from image2model.core.generator import View
from image2model.core.ids import ArtifactId, OwnerId, new_hex_id
from image2model.core.job import Description
from image2model.geometry.conversion.request import Conversion
from image2model.jobs.computations import convert_model as convert_file
from image2model.jobs.intake.pictures import take_picture
from image2model.jobs.results.convert import (
    Derivation,
    Derived,
    derive,
    drop_derived,
    find_derived,
    read_derived,
)
from image2model.jobs.storage.in_memory import one_chunk, put_whole, read_whole
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.tiny_model import tiny_glb
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
MIB = 2**20
T = TypeVar("T")


class Watched(InlineCompute):
    """
    Notes what it is called with.

    Attributes:
        calls: The function of each call.
        largest_bytes: The most bytes that travelled there as one argument.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.largest_bytes = 0

    async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
        """Call *function*."""
        self.calls.append(function.__name__)
        sizes = [len(one) for one in args if isinstance(one, bytes)]
        self.largest_bytes = max(self.largest_bytes, *sizes, 0)
        return await super().run(limit_s, function, *args)


@pytest.fixture
def compute(rig: Rig) -> Watched:
    compute = Watched()
    rig.context = dataclasses.replace(rig.context, compute=compute)
    return compute


def large_png() -> bytes:
    """Make a picture of 17 megapixels in a few bytes."""
    pixels = np.zeros((4_200, 4_100), np.uint8)
    pixels[1_000:3_000, 1_000:3_000] = 200
    return bytes(cv2.imencode(".png", pixels)[1])


async def test_room_is_made_for_large_pictures_alone(rig: Rig, compute: Watched) -> None:
    await take_picture(rig.context, one_chunk(disc_png("cup")), view=View.FRONT)
    assert compute.needed_bytes == []
    assert compute.calls == ["check_picture_unless_large"]
    picture = await take_picture(rig.context, one_chunk(large_png()), view=View.FRONT)
    assert (picture.width_px, picture.height_px) == (4_100, 4_200)
    assert compute.needed_bytes == [24 * 4_100 * 4_200]


async def kept_glb(rig: Rig) -> ArtifactId:
    """Keep a model as a result's file; something must name it."""
    job = await rig.submit(ANNA, "mug")
    source = job.items[0].pictures[0].artifact
    await put_whole(rig.artifacts, source, tiny_glb(), limit_bytes=MIB)
    return source


def to_stl(source: ArtifactId | None) -> Derivation:
    about = Description(name="mug")
    return Derivation(
        source=source,
        origin=source or "https://maker.example/mug.glb",
        owner=ANNA,
        conversion=Conversion(format="stl"),
        about=about,
    )


async def derived(rig: Rig, derivation: Derivation) -> Derived:
    glb = tiny_glb()
    return await derive(rig.context, derivation, one_chunk(glb), size_bytes=len(glb))


async def test_no_model_travels_through_this_process(rig: Rig, compute: Watched) -> None:
    made = await derived(rig, to_stl(await kept_glb(rig)))
    assert compute.calls[-1] == "convert_model"
    assert compute.largest_bytes == 0
    content = await read_whole(read_derived(rig.context, made))
    assert len(content) == made.size_bytes > 84
    assert await read_whole(read_derived(rig.context, made, start=80, length=4)) == content[80:84]
    assert list(rig.context.rules.incoming.iterdir()) == []


async def test_what_several_want_at_once_is_made_once(rig: Rig) -> None:
    """They wait for the memory; and who comes after finds it made."""
    derivation = to_stl(await kept_glb(rig))

    class OneAtOnce(Watched):
        def __init__(self) -> None:
            super().__init__()
            self._lock = anyio.Lock()

        def room(self, needs_bytes: int) -> Any:
            """Let one in after the other."""
            del needs_bytes
            return self._lock

    compute = OneAtOnce()
    rig.context = dataclasses.replace(rig.context, compute=compute)
    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(derived, rig, derivation)
    assert compute.calls.count("convert_model") == 1
    assert await find_derived(rig.context, derivation) is not None


async def test_what_is_not_kept_is_gone_when_it_was_read(rig: Rig) -> None:
    """Only its provider has the model, so nothing is kept of it."""
    made = await derived(rig, to_stl(None))
    assert isinstance(made.where, Path)
    assert list(rig.context.rules.incoming.iterdir()) == [made.where]
    assert len(await read_whole(read_derived(rig.context, made))) == made.size_bytes
    await drop_derived(made)
    await drop_derived(made)
    assert list(rig.context.rules.incoming.iterdir()) == []


async def test_a_full_disk_is_told_as_such(rig: Rig, tmp_path: Path) -> None:
    class Full(InlineCompute):
        async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
            """Find the disk full where it converts."""
            if function is convert_file:
                raise OSError(28, "No space left on device")
            return await super().run(limit_s, function, *args)

    rig.context = dataclasses.replace(rig.context, compute=Full())
    with pytest.raises(StorageFull):
        await derived(rig, to_stl(ArtifactId(new_hex_id())))
    assert list(rig.context.rules.incoming.iterdir()) == []
