"""What may be bought at fal, by whom, and what happens when the bill is higher than expected."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from image2model.core.ids import LOCAL_OWNER
from image2model.core.money import BudgetScope
from image2model.jobs.access import create_api_key
from image2model.jobs.health import measure_now
from image2model.jobs.spending.stop import allow_spending
from tests.api.asking import png_part
from tests.system.product.fal_product import TRIPO, Product, running

pytestmark = pytest.mark.anyio

VEO = "fal:fal-ai/veo3"
UNLISTED = "fal:tripo3d/tripo/v2.5/image-to-3d"
"""An endpoint that is there, by a name that the catalogue knows nothing of."""

JOBS = "/api/v1/jobs"


async def order(product: Product, generator: str, **fields: str) -> httpx2.Response:
    """Ask for a job of one item."""
    data = {"generator": generator, **fields}
    return await product.http.post(JOBS, data=data, files=[png_part("mug")])


def refusal(reply: httpx2.Response, status: int) -> str:
    """Tell the code of the error that *reply* must be."""
    assert reply.status_code == status, reply.text
    code: str = reply.json()["code"]
    return code


async def test_endpoints_that_are_not_listed_are_not_for_sale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither asked for at once, nor by a draft, nor by changing one."""
    budgets = {"IMAGE2MODEL_BUDGET__DAY_USD": "2"}
    async with running(tmp_path, monkeypatch, environment=budgets) as product:
        reply = await order(product, VEO, options='{"duration": 600}', budget_usd="1")
        assert refusal(reply, 403) == "generator_not_allowed"
        asked = {"generator": VEO, "options": {"duration": 600}}
        replies = [
            await product.http.post("/api/v1/estimate", json=asked),
            await product.http.post(JOBS, params={"draft": True}, json=asked),
            await product.http.get(f"/api/v1/generators/{VEO}"),
        ]
        draft = (await product.http.post(JOBS, params={"draft": True}, json={})).json()
        replies.append(await product.http.patch(f"{JOBS}/{draft['id']}", json=asked))
        assert [refusal(reply, 403) for reply in replies] == ["generator_not_allowed"] * 4
        assert product.fal.ledger.submits == []


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        ("local/*, fal/tripo-*", [TRIPO, "local/puff"], ["fal/trellis-2"]),
        ("fal/trellis-2", ["fal/trellis-2"], [TRIPO, "local/puff"]),
    ],
)
async def test_only_what_the_operator_names_is_listed_and_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patterns: str,
    allowed: list[str],
    refused: list[str],
) -> None:
    named = {
        "IMAGE2MODEL_ALLOWED_GENERATORS": patterns,
        "IMAGE2MODEL_DEFAULT_GENERATOR": allowed[0],
    }
    async with running(tmp_path, monkeypatch, environment=named) as product:
        listed = (await product.http.get("/api/v1/generators")).json()["generators"]
        ids = {generator["id"] for generator in listed}
        assert ids >= set(allowed)
        assert not ids & set(refused)
        for generator in refused:
            assert refusal(await order(product, generator), 403) == "generator_not_allowed"
        done = await product.made("mug", generator=allowed[0])
        assert done["counts"]["succeeded"] == 1


async def test_what_has_no_known_price_is_not_bought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the operator names it; the same pictures as often as you like."""
    named = {"IMAGE2MODEL_ALLOWED_GENERATORS": "fal/*,fal:*"}
    async with running(tmp_path, monkeypatch, environment=named) as product:
        for _ in range(3):
            reply = await order(product, UNLISTED, budget_usd="1")
            assert refusal(reply, 422) == "price_unknown"
        asked = {"generator": UNLISTED}
        reply = await product.http.post("/api/v1/estimate", json=asked)
        assert refusal(reply, 422) == "price_unknown"
        draft = (await product.http.post(JOBS, params={"draft": True}, json=asked)).json()
        url = f"{JOBS}/{draft['id']}"
        await product.http.put(f"{url}/items/0/views/front", content=png_part("mug")[1][1])
        assert refusal(await product.http.post(f"{url}/start"), 422) == "price_unknown"
        assert product.fal.ledger.submits == []


async def test_bill_beyond_a_budget_stops_all_spending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What costs nothing goes on; what waits goes on when the operator lets it."""
    believed = {
        "IMAGE2MODEL_ALLOWED_GENERATORS": "local/*,fal/*,fal:*",
        "IMAGE2MODEL_BUDGET__UNKNOWN_PRICE_USD": "0.05",
        "IMAGE2MODEL_BUDGET__DAY_USD": "0.2",
    }
    async with running(tmp_path, monkeypatch, environment=believed) as product:
        # What an option that nobody describes would cost is not known even now.
        reply = await order(product, UNLISTED, options='{"duration": 600}')
        assert refusal(reply, 422) == "price_unknown"
        # Nor is it known at first what requests have usually cost.
        product.fal.add_fault("estimate", "reply", options={"status": 404})
        first = await product.made("mug", generator=UNLISTED)
        assert first["counts"]["succeeded"] == 1, first["items"][0]["error"]
        billed = product.fal.account().billed_usd
        assert first["cost"]["booked_usd"] == pytest.approx(billed) == pytest.approx(0.3)
        account = (await product.http.get("/api/v1/account")).json()
        assert "more was billed" in account["spending_stop"]["reason"]
        waiting = await product.submit("cup", generator=UNLISTED)
        free = await product.made("jug", generator="local/puff")
        assert free["counts"]["succeeded"] == 1
        waits = (await product.until_told(waiting["id"], "spending_stopped"))["items"][0]
        assert (waits["state"], waits["attempts"]) == ("queued", [])
        await measure_now(product.context)
        metrics = product.context.metrics.exposition().decode()
        assert "image2model_spending_stopped 1.0" in metrics
        assert 'image2model_overcharged_usd_total{provider="fal"} 0.2' in metrics
        await allow_spending(product.context)
        done = await product.finished(waiting["id"])
        assert done["items"][0]["error"]["code"] == "budget_exceeded"
        assert product.fal.account().billed_usd == billed


async def test_without_an_api_key_only_what_is_free_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(
        tmp_path, monkeypatch, environment={"IMAGE2MODEL_BUDGET__ANONYMOUS": "free"}
    ) as product:
        assert refusal(await order(product, TRIPO), 403) == "payment_not_allowed"
        draft = (await product.http.post(JOBS, params={"draft": True}, json={})).json()
        url = f"{JOBS}/{draft['id']}"
        await product.http.put(f"{url}/items/0/views/front", content=png_part("mug")[1][1])
        assert refusal(await product.http.post(f"{url}/start"), 403) == "payment_not_allowed"
        assert await told_to_pay(product.http) == {TRIPO: False, "local/puff": True}
        free = await product.made("mug", generator="local/puff")
        assert free["counts"]["succeeded"] == 1
        assert product.paid == []
        key = await create_api_key(product.context, name="one")
        product.http.headers["Authorization"] = f"Bearer {key}"
        assert await told_to_pay(product.http) == {TRIPO: True, "local/puff": True}
        assert (await product.made("mug"))["counts"]["succeeded"] == 1
        spent_usd = await product.context.store.spent_usd(BudgetScope.DAY, owner=LOCAL_OWNER)
        assert float(spent_usd) == pytest.approx(0.3)


async def told_to_pay(http: httpx2.AsyncClient) -> dict[str, bool]:
    """Tell of two generators whether the caller may use them, by all routes that say so."""
    listed: list[dict[str, Any]] = (await http.get("/api/v1/generators")).json()["generators"]
    told = {one["id"]: one["may_pay"] for one in listed if one["id"] in {TRIPO, "local/puff"}}
    for generator, may_pay in told.items():
        forecast = await http.post("/api/v1/estimate", json={"generator": generator})
        assert forecast.json()["may_pay"] is may_pay
    assert (await http.get("/api/v1/limits")).json()["may_pay"] is told[TRIPO]
    return told
