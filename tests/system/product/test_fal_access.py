"""Access that ends stops what it pays for: nothing more is sent for a key that works no more."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from image2model.core.errors import AccessEnded
from image2model.core.scopes import Scope
from image2model.core.states import ItemState, JobState
from image2model.jobs.access import create_api_key
from image2model.testing.fal_simulator import Latency
from tests.system.product.fal_product import Product, running

pytestmark = pytest.mark.anyio

NAMES = [f"cup-{number}" for number in range(14)]


SLOW = Latency(median_s=2)
FOR_EVER = Latency(median_s=600)
TWO_PLACES = {"IMAGE2MODEL_FAL__CONCURRENCY": "2"}


async def two_sent(product: Product) -> dict[str, Any]:
    """Make a job of which two items are under way and twelve wait for a place."""
    job = await product.submit(*NAMES)
    while job["counts"]["generating"] < 2:
        query: dict[str, Any] = {"after_version": job["version"], "wait_s": 5}
        await product.http.get(f"/api/v1/jobs/{job['id']}", params=query)
        job = await product.job(job["id"])
    assert job["counts"]["queued"] == 12
    return job


async def test_nothing_is_sent_for_a_key_that_was_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch, SLOW, environment=TWO_PLACES) as product:
        context = product.context
        admin = await create_api_key(context, name="admin", scopes={Scope.ADMIN})
        key = await create_api_key(context, name="mine")
        product.http.headers["Authorization"] = f"Bearer {key}"
        job = await two_sent(product)
        place, tool = f"/api/v1/keys/{key.split('_')[1]}", {"Authorization": f"Bearer {admin}"}
        assert (await product.http.delete(place, headers=tool)).status_code == 204
        assert (await product.http.get("/api/v1/account")).status_code == 401
        found = await context.store.get_job(job["id"])
        assert [item.state for item in found.items].count(ItemState.FAILED) == 12
        codes = {item.problem.code for item in found.items if item.problem}
        assert codes == {AccessEnded.code}
        with anyio.fail_after(20):
            async with context.feed.watch(found.id) as watch:
                while found.state is not JobState.FINISHED:
                    await watch.changed(timeout_s=0.25)
                    found = await context.store.get_job(found.id)
        assert [item.state for item in found.items].count(ItemState.SUCCEEDED) == 2
        assert product.paid == [1, 1]


async def test_whoever_is_forgotten_leaves_nothing_and_hears_what_was_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch, FOR_EVER, environment=TWO_PLACES) as product:
        job = await two_sent(product)
        await product.submit("jug")
        reply = await product.http.request("DELETE", "/api/v1/account")
        assert reply.json() == {"jobs": 2, "paid_jobs": [job["id"]]}
        assert (await product.http.get("/api/v1/jobs")).json()["jobs"] == []
        assert [one async for one in product.context.artifacts.all()] == []
        assert len(product.paid) == 2
