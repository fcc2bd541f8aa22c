"""Stopping jobs whose items wait for a place at fal."""

from pathlib import Path
from typing import Any

import pytest

from image2model.testing.fal_simulator import FaultRule, Latency
from tests.harness.patience import waiting_for
from tests.system.product.fal_product import Product, running

pytestmark = pytest.mark.anyio

TWO_PLACES = {"IMAGE2MODEL_FAL__CONCURRENCY": "2"}
HELD = Latency(held=True)
MANY = [f"pot-{number}" for number in range(20)]
FEW = ["vase", "jug", "bowl"]


async def accepted(product: Product, count: int) -> None:
    """Wait until fal has accepted *count* requests."""
    assert await product.fal.ledger.reached("submit", count, timeout_s=60)


def finish_all(product: Product) -> None:
    """Let everything that fal has end now."""
    for request_id, request in list(product.fal.requests.items()):
        if request.state != "COMPLETED":
            product.fal.start(request_id)
            product.fal.finish(request_id)


async def finished(product: Product, job: dict[str, Any]) -> dict[str, Any]:
    """Let fal finish whatever it has until *job* is finished."""
    with waiting_for("the job to be finished"):
        current = await product.job(job["id"])
        while current["state"] != "finished":
            finish_all(product)
            query: dict[str, Any] = {"after_version": current["version"], "wait_s": 0.1}
            await product.http.get(f"/api/v1/jobs/{job['id']}", params=query)
            current = await product.job(job["id"])
    return current


@pytest.mark.parametrize("word", ["pause", "cancel", "delete"])
async def test_nothing_is_submitted_after_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Places that come free go to other jobs, and a resumed job goes on where it stopped."""
    async with running(tmp_path, monkeypatch, HELD, environment=TWO_PLACES) as product:
        job = await product.submit(*MANY)
        await accepted(product, 2)
        at = f"/api/v1/jobs/{job['id']}"
        if word == "delete":
            assert (await product.http.delete(at)).status_code == 204
        else:
            assert (await product.http.post(f"{at}/{word}")).status_code == 200
        assert len(product.fal.ledger.submits) == 2
        done = await finished(product, await product.submit(*FEW))
        assert done["counts"]["succeeded"] == len(FEW)
        assert len(product.fal.ledger.submits) == 2 + len(FEW)
        if word == "pause":
            paused = await product.job(job["id"])
            assert (paused["state"], paused["counts"]["queued"]) == ("paused", 18)
            assert (await product.http.post(f"{at}/resume")).status_code == 200
            await accepted(product, 2 + len(FEW) + 1)
            done = await finished(product, job)
            assert done["counts"]["succeeded"] == len(MANY)
            assert product.paid == [1] * (len(MANY) + len(FEW))
        elif word == "cancel":
            cancelled = await finished(product, job)
            assert cancelled["counts"]["cancelled"] == len(MANY)


@pytest.mark.parametrize(
    "fault",
    [
        FaultRule(on="upload", action="unavailable"),
        FaultRule(on="upload_token", action="rate_limited"),
        FaultRule(on="submit", action="rate_limited"),
    ],
    ids=["upload", "token", "submit"],
)
async def test_items_that_wait_for_better_times_stop_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: FaultRule
) -> None:
    """Whatever they wait for: none of them goes on when it is over."""
    async with running(tmp_path, monkeypatch, HELD, faults=[fault]) as product:
        job = await product.submit(*MANY[:6])
        assert await product.fal.ledger.reached(fault.on, 1, timeout_s=60)
        assert (await product.http.post(f"/api/v1/jobs/{job['id']}/pause")).status_code == 200
        refused = len(product.fal.ledger.submits)
        product.fal.remove_fault()
        done = await finished(product, await product.submit(*FEW))
        assert done["counts"]["succeeded"] == len(FEW)
        assert len(product.fal.ledger.submits) == refused + len(FEW)
        await product.http.post(f"/api/v1/jobs/{job['id']}/cancel")
        assert (await product.finished(job["id"]))["counts"]["cancelled"] == 6
