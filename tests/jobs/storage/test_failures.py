"""Work that failed is not done again at once, and later the more often it failed."""

import pytest

from image2model.core.errors import InvalidMesh
from image2model.jobs.storage.failures import remembering_failure
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


class Work:
    """Fails, and counts how often it was done."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.done = 0

    async def ask(self, name: str = "mesh") -> None:
        """Have it done, unless it failed lately; either way the same is raised."""
        with pytest.raises(InvalidMesh, match="it has no faces"):
            await self._do(name)

    async def _do(self, name: str) -> None:
        async with remembering_failure(self._rig.context, name):
            self.done += 1
            raise InvalidMesh(reason="it has no faces")


async def test_a_failure_that_comes_again_counts_longer(rig: Rig) -> None:
    work = Work(rig)
    lives_s = (60, 900, 86_400, 86_400)
    for times, life_s in enumerate(lives_s, 1):
        await work.ask()
        assert work.done == times
        await rig.clock.advance(life_s - 1)
        await work.ask()
        assert work.done == times, "it is known how that ends"
        await rig.clock.advance(1)


async def test_other_work_is_done(rig: Rig) -> None:
    work = Work(rig)
    for name in ("mesh", "other", "mesh"):
        await work.ask(name)
    assert work.done == 2


async def test_what_is_no_fault_of_the_work_is_not_remembered(rig: Rig) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            async with remembering_failure(rig.context, "mesh"):
                raise OSError("full")
