"""How well a model matches its photo, over HTTP."""

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.wire.inspection import FidelityOut
from tests.api.asking import ask, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


async def test_asked_twice_and_among_the_facts(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "mug")
    await rig.run_dispatched()
    item = f"/api/v1/jobs/{job['id']}/items/0"
    first = await client.get(f"{item}/fidelity")
    assert first.status_code == 200
    found = FidelityOut.model_validate(first.json())
    assert found.iou is not None
    assert (found.score is None) == found.meaning.startswith("unknown")
    assert (await client.get(f"{item}/fidelity")).json() == first.json()
    shown = (await client.get(f"/api/v1/jobs/{job['id']}")).json()["items"][0]
    assert shown["result"]["facts"]["fidelity"] == first.json()


async def test_not_there_yet(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "mug")
    reply = await client.get(f"/api/v1/jobs/{job['id']}/items/0/fidelity")
    assert problem_of(reply, 404)["code"] == "file_not_found"
    reply = await client.get(f"/api/v1/jobs/{job['id']}/items/5/fidelity")
    assert problem_of(reply, 404)["code"] == "item_not_found"


async def test_of_another_owner(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "mug")
    await rig.run_dispatched()
    async with ask(create_api(rig.context)) as stranger:
        reply = await stranger.get(f"/api/v1/jobs/{job['id']}/items/0/fidelity")
    assert problem_of(reply, 404)["code"] == "job_not_found"
