"""What fal's generators cost: forecast, limited, booked, listed."""

from pathlib import Path
from typing import Any

import pytest

from image2model.testing.fal_simulator import Latency
from tests.system.product.fal_product import TRIPO, running

pytestmark = pytest.mark.anyio


def costs(job: dict[str, Any]) -> tuple[float, float]:
    return job["cost"]["estimated_usd"], job["cost"]["booked_usd"]


async def test_forecast_is_what_is_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Per item and per job, before, while and after; and fal's own bill says the same."""
    async with running(tmp_path, monkeypatch, Latency(held=True)) as product:
        options = {"texture": "HD"}
        asked = {"generator": TRIPO, "options": options, "items": 2}
        forecast = (await product.http.post("/api/v1/estimate", json=asked)).json()
        job = await product.submit("mug", "cup", options='{"texture": "HD"}')
        total = forecast["total_usd"]
        assert total == pytest.approx(0.8)
        assert costs(job) == (total, 0.0)
        await product.until(job["id"], "generating")
        running_job = await product.until(job["id"], "generating", index=1)
        assert costs(running_job) == (total, 0.0)
        (attempt,) = running_job["items"][0]["attempts"]
        assert (attempt["estimated_usd"], attempt["cost_usd"]) == (total / 2, None)
        for request_id in product.fal.requests:
            product.fal.start(request_id)
            product.fal.finish(request_id)
        done = await product.finished(job["id"])
        assert costs(done) == (total, total)
        assert product.fal.account().billed_usd == total
        ledger = (await product.http.get("/api/v1/ledger")).json()["entries"]
        assert [entry["cost_usd"] for entry in ledger] == [total / 2] * 2
        assert {entry["endpoint"] for entry in ledger} == {"tripo3d/tripo/v2.5/image-to-3d"}


@pytest.mark.parametrize("period", ["job", "day"])
async def test_budget_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, period: str) -> None:
    """What fits is made, the rest fails with one clear reason, and nothing of it is sent."""
    of_day = {"IMAGE2MODEL_BUDGET__DAY_USD": "0.7"} if period == "day" else {}
    of_job = {"budget_usd": "0.7"} if period == "job" else {}
    async with running(tmp_path, monkeypatch, environment=of_day) as product:
        done = await product.made("mug", "cup", "jug", **of_job)
        assert (done["counts"]["succeeded"], done["counts"]["failed"]) == (2, 1)
        (problem,) = [item["error"] for item in done["items"] if item["error"]]
        assert problem["code"] == "budget_exceeded"
        assert problem["details"]["period"] == period
        assert product.paid == [1, 1]
        assert done["cost"]["booked_usd"] == pytest.approx(0.6)
        if period == "day":
            later = await product.made("vase")
            assert later["items"][0]["error"]["code"] == "budget_exceeded"
            assert product.paid == [1, 1]


@pytest.mark.parametrize(
    ("action", "keep"), [("mesh_html", "keep"), ("files_expire", "links"), ("files_expire", "keep")]
)
async def test_what_was_charged_is_shown_and_never_charged_again_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, keep: str
) -> None:
    """By a retry of the item or of the job; by a decision it is, and both charges stay."""
    hasty = {"IMAGE2MODEL_COLLECT_S": "1", "IMAGE2MODEL_BUDGET__DAY_USD": "0.5"}
    async with running(tmp_path, monkeypatch, environment=hasty) as product:
        product.fal.add_fault("run", action, times=1)
        if action == "files_expire":
            product.fal.remove_fault()
            product.fal.add_fault("run", action, times=1, options={"after_s": 0.0})
        job = await product.made("mug", keep=keep)
        url = f"/api/v1/jobs/{job['id']}"
        for path in ("retry", "items/0/retry"):
            insist_charged_once(job)
            ledger = (await product.http.get("/api/v1/ledger")).json()["entries"]
            assert [(one["cost_usd"], one["state"]) for one in ledger] == [(0.3, "accepted")]
            account = (await product.http.get("/api/v1/account")).json()
            assert account["day_spent_usd"] == 0.3
            # Nor is there money for another one.
            other = await product.made("vase")
            assert other["items"][0]["error"]["code"] == "budget_exceeded"
            reply = await product.http.post(f"{url}/{path}")
            assert reply.status_code == 200, reply.text
            job = await product.finished(job["id"])
        insist_charged_once(job)
        assert product.paid == [1]
        assert product.fal.account().billed_usd == pytest.approx(0.3)
        decision = {"resolution": "resubmit"}
        reply = await product.http.post(f"{url}/items/0/resolve", json=decision)
        assert reply.status_code == 200, reply.text
        refused = await product.finished(job["id"])
        # A decision is no way around the budget either.
        assert refused["items"][0]["error"]["code"] == "budget_exceeded"
        assert product.paid == [1]


def insist_charged_once(job: dict[str, Any]) -> None:
    (item,) = job["items"]
    assert (item["state"], item["error"]["code"]) == ("failed", "provider_result_invalid")
    assert item["error"]["details"]["resubmit_usd"] == 0.3
    (attempt,) = item["attempts"]
    assert (attempt["state"], attempt["cost_usd"]) == ("accepted", 0.3)
    assert job["cost"]["booked_usd"] == pytest.approx(0.3)


async def test_decision_to_pay_again_is_refused_where_it_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as product:
        # To a host that our own rules forbid to read from.
        product.fal.add_fault("download", "redirect")
        job = await product.made("mug")
        url = f"/api/v1/jobs/{job['id']}"
        reply = await product.http.post(f"{url}/items/0/resolve", json={"resolution": "resubmit"})
        assert reply.status_code == 409
        assert reply.json()["code"] == "wrong_state"
        product.fal.remove_fault()
        await product.http.post(f"{url}/retry")
        done = await product.finished(job["id"])
        assert done["items"][0]["state"] == "succeeded"
        assert costs(done) == (0.3, 0.3)
        assert product.paid == [1]


async def test_exhausted_account_stops_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message that says what to do, for every item; one request; retried when paid up."""
    async with running(
        tmp_path,
        monkeypatch,
        behaviour={"balance_usd": 0.0},
        environment={"IMAGE2MODEL_FAL__CONCURRENCY": "25"},
    ) as product:
        names = [f"cup-{number}" for number in range(12)]
        done = await product.made(*names)
        assert done["counts"]["failed"] == 12
        messages = {item["error"]["message"] for item in done["items"]}
        assert len(messages) == 1
        assert "top up" in messages.pop().lower()
        assert {item["error"]["code"] for item in done["items"]} == {"provider_account_blocked"}
        assert len(product.fal.ledger.submits) == 1
        assert product.paid == []
        assert costs(done) == (0.0, 0.0)
        product.fal.account().balance_usd = 100.0
        await product.http.post(f"/api/v1/jobs/{done['id']}/retry")
        assert (await product.finished(done["id"]))["counts"]["succeeded"] == 12
        assert product.paid == [1] * 12
