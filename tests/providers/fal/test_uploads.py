"""Uploads: the very bytes, under URLs that no other attempt has."""

from pathlib import Path

import httpx2
import pytest

from image2model.core.errors import ProviderAccountBlocked, ProviderRejected, ProviderUnavailable
from image2model.core.generator import GeneratorId, View
from image2model.testing.fal_simulator import FaultRule
from tests.providers.fal.rig import FalRig, running, work

pytestmark = pytest.mark.anyio

MULTIVIEW = GeneratorId("fal/tripo-v2.5-multiview")


async def test_every_attempt_has_urls_of_its_own(tmp_path: Path) -> None:
    """Otherwise a lost answer could not be told from that of another attempt."""
    async with running(tmp_path) as rig:
        first = await rig.provider.prepare(work())
        second = await rig.provider.prepare(work())
        assert not set(first.data["pictures"]) & set(second.data["pictures"])
        assert rig.fal.ledger.calls["upload_token"] == 1


async def test_the_bytes_arrive_unchanged(tmp_path: Path) -> None:
    """A cut-out keeps its transparency: nothing is encoded anew."""
    task = work()
    async with running(tmp_path) as rig:
        submission = await rig.provider.prepare(task)
        [url] = submission.data["pictures"]
        assert url.endswith(".png")
        assert await _download(url) == await task.pictures[0].read()


async def test_views_of_one_item_travel_together(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        task = work(generator=MULTIVIEW, views=[View.FRONT, View.BACK])
        submission = await rig.provider.prepare(task)
        assert len(submission.data["pictures"]) == 2
        assert rig.fal.ledger.calls["upload"] == 2


@pytest.mark.parametrize(
    "fault",
    [
        FaultRule(on="upload", action="reset_after", times=2),
        FaultRule(on="upload", action="unavailable", times=2),
        FaultRule(on="upload", action="unauthorized", times=1),
        FaultRule(on="upload_token", action="hang_before", times=1),
        FaultRule(on="upload_token", action="nginx_502", times=2),
    ],
    ids=lambda fault: f"{fault.on} {fault.action}",
)
async def test_uploads_are_tried_again(tmp_path: Path, fault: FaultRule) -> None:
    async with running(tmp_path, faults=[fault]) as rig:
        await _arrives(rig)
        assert rig.fal.ledger.calls["initiate"] == 0


async def test_there_is_a_second_way(tmp_path: Path) -> None:
    """Where direct uploads do not work, fal hands out an upload URL."""
    fault = FaultRule(on="upload", action="missing", times=1)
    async with running(tmp_path, faults=[fault]) as rig:
        await _arrives(rig)
        assert rig.fal.ledger.calls["initiate"] == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (FaultRule(on="upload_token", action="unauthorized"), ProviderAccountBlocked),
        (FaultRule(on="*", action="unavailable"), ProviderUnavailable),
        (FaultRule(on="upload", action="validation_text"), ProviderRejected),
    ],
    ids=["bad key", "nothing works", "refused"],
)
async def test_uploads_that_fail(tmp_path: Path, fault: FaultRule, kind: type[Exception]) -> None:
    async with running(tmp_path, faults=[fault]) as rig:
        with pytest.raises(kind):
            await rig.provider.prepare(work())
        assert rig.fal.ledger.calls["submit"] == 0


async def _arrives(rig: FalRig) -> None:
    task = work()
    submission = await rig.provider.prepare(task)
    [url] = submission.data["pictures"]
    assert await _download(url) == await task.pictures[0].read()


async def _download(url: str) -> bytes:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).content
