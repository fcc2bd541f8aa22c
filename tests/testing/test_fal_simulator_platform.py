"""The simulated platform API: prices, models, and the list of own requests."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.testing.fal_simulator_rig import HELD, PICTURE, TRELLIS, TRIPO, running

pytestmark = pytest.mark.anyio

NO_KEY = {"authorization": ""}


async def test_models_are_listed_without_a_key_in_pages() -> None:
    async with running() as rig:
        url = f"{rig.fal.api_url}/models?limit=30"
        first = (await rig.http.get(url, headers=NO_KEY)).json()
        rest = (await rig.http.get(f"{url}&cursor={first['next_cursor']}")).json()
        retired = (await rig.http.get(f"{rig.fal.api_url}/models?status=deprecated")).json()
        asked = (await rig.http.get(f"{rig.fal.api_url}/models?endpoint_id={TRIPO}")).json()
    names = [model["endpoint_id"] for model in first["models"] + rest["models"]]
    assert first["has_more"]
    assert not rest["has_more"]
    assert len(set(names)) == len(names) > 30
    assert "fal-ai/omnipart" in [model["endpoint_id"] for model in retired["models"]]
    assert [model["metadata"]["category"] for model in asked["models"]] == ["image-to-3d"]


async def test_unit_price_is_not_the_price_of_a_request() -> None:
    async with running() as rig:
        query = f"endpoint_id={TRELLIS}&endpoint_id={TRIPO}"
        prices = (await rig.http.get(f"{rig.fal.api_url}/models/pricing?{query}")).json()["prices"]
    assert prices[0] == {
        "endpoint_id": TRELLIS,
        "unit_price": 0.05,
        "unit": "units",
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("kind", "counts", "total"),
    [
        ("historical_api_price", {"call_quantity": 10}, 3.0),
        ("unit_price", {"unit_quantity": 6}, 0.3),
    ],
)
async def test_estimate(kind: str, counts: dict[str, int], total: float) -> None:
    async with running() as rig:
        body = {"estimate_type": kind, "endpoints": {TRELLIS: counts}}
        answer = await rig.http.post(f"{rig.fal.api_url}/models/pricing/estimate", json=body)
    assert answer.json() == {"estimate_type": kind, "total_cost": total, "currency": "USD"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("models/pricing?endpoint_id=nobody/nothing", 404),
        ("models/requests/by-endpoint", 400),
        (f"models/requests/by-endpoint?endpoint_id={TRIPO}&limit=101", 400),
        (f"models/requests/by-endpoint?endpoint_id={TRIPO}&start=yesterday", 400),
    ],
)
async def test_errors_have_the_shape_of_the_platform(path: str, status: int) -> None:
    async with running() as rig:
        answer = await rig.http.get(f"{rig.fal.api_url}/{path}")
        refused = await rig.http.get(f"{rig.fal.api_url}/{path}", headers=NO_KEY)
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"type", "message", "docs_url", "request_id"}
    assert refused.status_code == 401


async def test_lost_submit_is_found_by_its_picture() -> None:
    async with running(HELD) as rig:
        await rig.submit(picture="https://pictures.example/dog.png")
        lost = (await rig.submit(picture=PICTURE))["request_id"]
        url = f"{rig.fal.api_url}/models/requests/by-endpoint?endpoint_id={TRIPO}"
        with_payloads = (await rig.http.get(f"{url}&expand=payloads")).json()["items"]
        without = (await rig.http.get(url)).json()["items"]
    found = [one for one in with_payloads if one["json_input"]["image_url"] == PICTURE]
    assert [one["request_id"] for one in found] == [lost]
    assert found[0]["ended_at"] is None
    assert "json_input" not in without[0]


async def test_input_that_may_not_be_stored_is_not_listed() -> None:
    async with running() as rig:
        await rig.submit(x_fal_store_io="0")
        url = f"{rig.fal.api_url}/models/requests/by-endpoint?endpoint_id={TRIPO}&expand=payloads"
        items = (await rig.http.get(url)).json()["items"]
    assert len(items) == 1
    assert "json_input" not in items[0]


async def test_list_can_be_filtered_and_paged() -> None:
    async with running() as rig:
        good = [await rig.submit() for _ in range(3)]
        bad = await rig.submit(picture="no url")
        for accepted in (*good, bad):
            await rig.follow(accepted)
        base = f"{rig.fal.api_url}/models/requests/by-endpoint?endpoint_id={TRIPO}"
        later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

        async def ids(query: str) -> list[str]:
            page = (await rig.http.get(f"{base}&{query}")).json()
            return [one["request_id"] for one in page["items"]]

        assert await ids("status=user_error") == [bad["request_id"]]
        assert len(await ids("status=success")) == 3
        assert await ids(f"request_id={good[0]['request_id']}") == [good[0]["request_id"]]
        assert await ids(f"start={later}") == []
        assert len(await ids(f"end={later}")) == 4
        assert await ids("limit=2") + await ids("limit=2&cursor=2") == [
            one["request_id"] for one in (bad, *reversed(good))
        ]


async def test_another_account_sees_nothing() -> None:
    async with running() as rig:
        await rig.submit()
        rig.fal.account("somebody:else")
        url = f"{rig.fal.api_url}/models/requests/by-endpoint?endpoint_id={TRIPO}"
        answer = await rig.http.get(url, headers={"authorization": "Key somebody:else"})
    assert answer.json()["items"] == []
