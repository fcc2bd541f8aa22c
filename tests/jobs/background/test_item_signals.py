"""A webhook comes to one process, and another one follows the item."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio
import pytest

from image2model.backends.inprocess.feed import InProcessChangeFeed
from image2model.core.errors import ProviderRejected
from image2model.core.ids import JobId, new_hex_id
from image2model.core.job import Handle, Submission
from image2model.jobs.background.item_signals import listening, ring
from image2model.ports.dispatcher import ItemRef
from image2model.testing.fake_clock import FakeClock
from image2model.testing.scripted_provider import ScriptedProvider
from tests.harness.patience import PATIENCE_S

pytestmark = pytest.mark.anyio

REF = ItemRef(JobId(new_hex_id()), 3)


@dataclass(slots=True)
class Receiver(ScriptedProvider):
    """A provider that can be told; notes what it was woken for."""

    woken: list[str] = field(default_factory=list)
    heard: anyio.Event = field(default_factory=anyio.Event)

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Read a webhook that is the request id."""
        del headers
        return body.decode()

    def find_handle(self, submission: Submission, *, request_id: str) -> Handle:
        """Make a handle."""
        del submission
        return Handle(request_id=request_id, data={})

    def wake(self, request_id: str) -> bool:
        """Note it."""
        self.woken.append(request_id)
        self.heard.set()
        return True


async def test_whoever_follows_the_item_looks_now() -> None:
    feed, receiver = InProcessChangeFeed(), Receiver(FakeClock())
    with anyio.fail_after(PATIENCE_S):
        async with listening(feed, REF, receiver, "request-1"):
            await ring(feed, ItemRef(REF.job, 4))
            await ring(feed, REF)
            await receiver.heard.wait()
    await ring(feed, REF)
    assert receiver.woken == ["request-1"]
    assert feed.watchers == 0


async def test_errors_come_out_as_they_are() -> None:
    feed, receiver = InProcessChangeFeed(), Receiver(FakeClock())

    async def fail() -> None:
        async with listening(feed, REF, receiver, "request-1"):
            raise ProviderRejected(provider="scripted", reason="no")

    with pytest.raises(ProviderRejected):
        await fail()
    assert feed.watchers == 0


async def test_others_cannot_be_told() -> None:
    feed = InProcessChangeFeed()
    async with listening(feed, REF, ScriptedProvider(FakeClock()), "request-1"):
        assert feed.watchers == 0
