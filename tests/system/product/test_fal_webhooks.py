"""Webhooks over HTTP: fal calls the product's own server, and polling is only the safeguard."""

import time
from pathlib import Path

import httpx2
import pytest

from image2model.testing.fal_simulator import Latency
from tests.api.asking import problem_of
from tests.harness.patience import PATIENCE_S
from tests.system.product.fal_product import Product, running

pytestmark = pytest.mark.anyio

HELD = Latency(held=True)


def only_request(product: Product) -> str:
    """Return the id of the one request that was accepted."""
    (request_id,) = product.fal.requests
    return request_id


def hook_url(product: Product) -> str:
    """Return where fal was told to call."""
    (request,) = product.fal.requests.values()
    return request.webhook_url


async def test_good_webhook_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody polls at that moment, and the item is done all the same, once."""
    async with running(tmp_path, monkeypatch, HELD, webhooks=True) as product:
        job = await product.submit("mug")
        await product.until(job["id"], "generating")
        assert await product.fal.ledger.reached("status", 1, timeout_s=PATIENCE_S)
        product.fal.start(only_request(product))
        polled = product.fal.ledger.calls["status"]
        product.fal.finish(only_request(product))
        done = await product.finished(job["id"])
        assert done["counts"]["succeeded"] == 1
        assert product.fal.ledger.calls["status"] <= polled + 2
        assert [(d.attempt, d.status) for d in product.fal.ledger.deliveries] == [(1, 204)]
        assert product.paid == [1]


@pytest.mark.parametrize("action", ["duplicate", "replay", "null_payload", "early"])
async def test_odd_but_honest_webhooks_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    async with running(tmp_path, monkeypatch, webhooks=True) as product:
        product.fal.add_fault("webhook", action)
        done = await product.made("mug")
        assert done["counts"]["succeeded"] == 1
        assert await product.fal.ledger.reached("webhook", 1, timeout_s=PATIENCE_S)
        assert {d.status for d in product.fal.ledger.deliveries} == {204}
        assert product.paid == [1]
        again = await product.job(done["id"])
        assert [a["state"] for a in again["items"][0]["attempts"]] == ["succeeded"]


@pytest.mark.parametrize("action", ["bad_signature", "old_timestamp", "unknown_key", "unsigned"])
async def test_wrong_webhooks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """They are refused, and polling finds the end all the same."""
    async with running(tmp_path, monkeypatch, webhooks=True) as product:
        product.fal.add_fault("webhook", action)
        done = await product.made("mug")
        assert await product.fal.ledger.reached("webhook", 1, timeout_s=PATIENCE_S)
        assert {d.status for d in product.fal.ledger.deliveries} == {401}
        assert done["counts"]["succeeded"] == 1
        assert product.paid == [1]


async def test_dropped_webhooks_are_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch, webhooks=True) as product:
        product.fal.add_fault("webhook", "dropped")
        done = await product.made("mug")
        assert done["counts"]["succeeded"] == 1
        assert not product.fal.ledger.deliveries


async def test_strangers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever guesses a token, or knows one and cannot sign, achieves nothing."""
    async with running(tmp_path, monkeypatch, HELD, webhooks=True) as product:
        job = await product.submit("mug")
        before = await product.until(job["id"], "generating")
        body = {"request_id": only_request(product), "status": "OK", "payload": {}}
        headers = {"x-fal-webhook-timestamp": str(int(time.time()))}
        guessed = f"{product.url}/api/v1/hooks/fal/{'0' * 32}"
        async with httpx2.AsyncClient(trust_env=False) as stranger:
            for url in (guessed, hook_url(product), hook_url(product).replace("/fal/", "/local/")):
                reply = await stranger.post(url, json=body, headers=headers)
                assert problem_of(reply, 401)["code"] == "webhook_refused"
        assert product.fal.ledger.calls["jwks"] == 0
        after = await product.job(job["id"])
        assert after["items"][0]["attempts"] == before["items"][0]["attempts"]
        refused = 'image2model_webhooks_total{accepted="false",provider="fal"} 2.0'
        assert refused in (await product.http.get("/api/v1/metrics")).text


async def test_webhook_settles_what_was_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost and the list of requests is of no help: the webhook tells the rest."""
    async with running(tmp_path, monkeypatch, HELD, webhooks=True) as product:
        product.fal.add_fault("submit", "reset_after", times=1)
        product.fal.add_fault("requests", "missing")
        job = await product.submit("mug")
        doubtful = await product.until(job["id"], "uncertain")
        assert doubtful["items"][0]["error"]["code"] == "submission_uncertain"
        product.fal.start(only_request(product))
        product.fal.finish(only_request(product))
        done = await product.finished(job["id"])
        (item,) = done["items"]
        assert (item["state"], item["error"]) == ("succeeded", None)
        (attempt,) = item["attempts"]
        assert (attempt["state"], attempt["request_id"]) == ("succeeded", only_request(product))
        assert product.paid == [1]


async def test_webhook_ends_the_search_for_a_lost_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of requests shows nothing before the end, which would take minutes to be sure of."""
    async with running(tmp_path, monkeypatch, HELD, webhooks=True) as product:
        product.fal.add_fault("submit", "reset_after", times=1)
        empty = {"status": 200, "json": {"items": []}}
        product.fal.add_fault("requests", "reply", options=empty)
        job = await product.submit("mug")
        assert await product.fal.ledger.reached("requests", 1, timeout_s=PATIENCE_S)
        product.fal.start(only_request(product))
        product.fal.finish(only_request(product))
        done = await product.finished(job["id"])
        assert done["counts"]["succeeded"] == 1
        assert [a["state"] for a in done["items"][0]["attempts"]] == ["succeeded"]
        assert product.paid == [1]
