"""Submissions that fal did not accept, and whose answer said nothing."""

from pathlib import Path

import pytest

from image2model.testing.fal_simulator import FaultRule, Latency
from tests.system.product.fal_product import running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("action", ["unavailable", "reset_before"])
async def test_it_is_sent_again_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """For what the list shows was learnt with the first request that was accepted."""
    async with running(tmp_path, monkeypatch, Latency(median_s=1.0)) as product:
        assert (await product.made("mug"))["counts"]["succeeded"] == 1
        assert product.fal.ledger.calls["requests"] == 1
        product.fal.add_fault("submit", action, times=1)
        job = await product.submit("vase")
        searching = await product.until(job["id"], "submitting")
        while searching["items"][0]["attempts"][-1]["state"] != "uncertain":
            searching = await product.until(job["id"], "submitting")
        progress = searching["items"][0]["progress"]
        assert progress["phase"] == "Looking for a lost answer, for at most 10 s"
        assert progress["eta_s"] == 10.0
        done = await product.finished(job["id"])
        [item] = done["items"]
        assert item["state"] == "succeeded"
        assert [(a["state"], a["cost_usd"]) for a in item["attempts"]] == [
            ("failed", 0.0),
            ("succeeded", 0.3),
        ]
        assert product.paid == [1, 1]
        assert done["cost"]["booked_usd"] == 0.3


async def test_the_choice_is_there_while_it_is_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of the list yet, so the search takes minutes; a person need not wait."""
    faults = [FaultRule(on="submit", action="reset_before", nth=1)]
    async with running(tmp_path, monkeypatch, faults=faults) as product:
        job = await product.submit("vase")
        searching = await product.until(job["id"], "submitting")
        while searching["items"][0]["attempts"][-1]["state"] != "uncertain":
            searching = await product.until(job["id"], "submitting")
        assert searching["items"][0]["progress"]["phase"].endswith("for at most 7 min")
        at = f"/api/v1/jobs/{job['id']}/items/0/resolve"
        reply = await product.http.post(at, json={"resolution": "resubmit"})
        assert reply.status_code == 200
        done = await product.finished(job["id"])
        assert done["counts"]["succeeded"] == 1
        assert product.paid == [1]
