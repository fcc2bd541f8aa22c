"""How much one caller, and all of them, may have: told before anything is read, and on the way."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import httpx2
import pytest
from fastapi import FastAPI

from image2model.api.app import create_api
from image2model.core.errors import QuotaExceeded
from image2model.core.ids import LOCAL_OWNER, ArtifactId, OwnerId
from image2model.jobs.access import create_api_key
from image2model.jobs.intake.quotas import check_room, room_for
from image2model.jobs.lifecycle.control import retry_items
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.jobs.limits.bounds import Bounds
from image2model.ports.derived import Dropped, Owners, Whose
from tests.api.asking import BASE_URL, ask, make_draft, make_job, png_part, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

JOBS, ACCOUNT = "/api/v1/jobs", "/api/v1/account"
DISC = len(disc_png("cup"))
FORM = 250
"""What a form takes besides its one picture, which is less than a picture."""


def bounded(rig: Rig, **bounds: Any) -> FastAPI:
    rules = replace(rig.context.rules, bounds=Bounds(**bounds))
    rig.context = replace(rig.context, rules=rules)
    return create_api(rig.context)


def quota_of(reply: httpx2.Response) -> dict[str, Any]:
    """Check that a quota refused it, and return the details."""
    problem = problem_of(reply, 413)
    assert problem["code"] == "quota_exceeded"
    details: dict[str, Any] = problem["details"]
    assert f"IMAGE2MODEL_LIMITS__{details['limit'].upper()}" in problem["detail"]
    return details


async def sent(*chunks: bytes, read: list[int] | None = None) -> AsyncIterator[bytes]:
    """Send a body whose length nobody knows; *read* gets the lengths of what was asked for."""
    for chunk in chunks:
        yield chunk
        if read is not None:
            read.append(len(chunk))


async def test_a_full_account_takes_nothing_more(rig: Rig) -> None:
    """Until something is deleted; the account says how full it is."""
    async with ask(bounded(rig, bytes_per_owner=2 * DISC + 100)) as client:
        draft = await make_draft(client)
        place = f"{JOBS}/{draft['id']}/items"
        for index in range(2):
            await client.put(f"{place}/{index}/views/front", content=disc_png("cup"))
        account = (await client.get(ACCOUNT)).json()
        assert account["stored_bytes"] == 2 * DISC
        assert account["stored_bytes_limit"] == 2 * DISC + 100
        assert (account["drafts"], account["unfinished_items"]) == (1, 0)
        reply = await client.put(f"{place}/2/views/front", content=disc_png("cup"))
        assert quota_of(reply) == {
            "limit": "bytes_per_owner",
            "used": 2 * DISC,
            "allowed": 2 * DISC + 100,
        }
        assert quota_of(await client.post(JOBS, files=[png_part("cup")]))
        assert (await client.get("/api/v1/limits")).json()["stored_bytes"] == 2 * DISC + 100
        await client.delete(f"{place}/0")
        reply = await client.put(f"{place}/1/views/front", content=disc_png("cup"))
        assert reply.status_code == 200
    assert not [*rig.context.rules.incoming.iterdir()]


async def test_a_body_of_unknown_length_is_stopped_on_its_way(rig: Rig) -> None:
    async with ask(bounded(rig, bytes_per_owner=100_000)) as client:
        draft = await make_draft(client)
        url = f"{JOBS}/{draft['id']}/items/0/views/front"
        await client.put(url, content=disc_png("cup"))
        read: list[int] = []
        body = sent(*[b"\0" * 50_000] * 50, read=read)
        assert quota_of(await client.put(url, content=body))["used"] == DISC
        assert len(read) < 5
        assert (await client.put(url, content=disc_png("cup"))).status_code == 200
    assert not [*rig.context.rules.incoming.iterdir()]


async def test_what_comes_at_once_counts_together(rig: Rig) -> None:
    """Twenty at once have no more room than one after the other."""
    async with ask(bounded(rig, bytes_per_owner=5 * DISC)) as client:
        draft = await make_draft(client)
        found: list[int] = []

        async def put(index: int) -> None:
            url = f"{JOBS}/{draft['id']}/items/{index}/views/front"
            found.append((await client.put(url, content=disc_png("cup"))).status_code)

        async with anyio.create_task_group() as tasks:
            for index in range(20):
                tasks.start_soon(put, index)
        assert found.count(200) == 5
        assert found.count(413) == 15
        assert (await client.get(ACCOUNT)).json()["stored_bytes"] == 5 * DISC


async def test_a_promise_takes_no_room_from_others(rig: Rig) -> None:
    """Or else whoever announces much and sends nothing would keep all others out."""
    bounded(rig, anonymous_bytes=1_000)
    async with room_for(rig.context, OwnerId("session:anna")) as room:
        await room.expect(1_000)
        async with room_for(rig.context, OwnerId("session:ben")) as other:
            await other.expect(1_000)
            with pytest.raises(QuotaExceeded):
                await other.expect(1_001)


async def test_files_in_use_are_not_asked_to_make_way_for_every_chunk(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking is a write; a second later, or for more than has come, it is tried again."""
    tries: list[int] = []

    drop = rig.store.drop_derived

    async def noted(whose: Whose, *, keep_bytes: int, idle_s: float) -> Dropped:
        tries.append(keep_bytes)
        return await drop(whose, keep_bytes=keep_bytes, idle_s=idle_s)

    monkeypatch.setattr(rig.store, "drop_derived", noted)
    job = await rig.submit(OwnerId("key:anna"), "cup")
    source = (await rig.store.get_job(job.id)).items[0].pictures[0].artifact
    made = ArtifactId("0" * 32)
    assert await rig.store.add_derived(source, made, owner=job.owner, size_bytes=1_000)
    kept_bytes = (await rig.store.stored(job.owner)).kept_bytes
    bounded(rig, bytes_per_owner=kept_bytes + 500)
    async with room_for(rig.context, job.owner) as room:
        assert [chunk async for chunk in room.counted(sent(*[b"\0"] * 9))] == [b"\0"] * 9
        assert tries == [499]
        await room.expect(1)
        assert tries == [499, 490]
        await rig.clock.advance(1.5)
        assert [chunk async for chunk in room.counted(sent(*[b"\0"] * 9))] == [b"\0"] * 9
        assert tries == [499, 490, 490]


async def test_visitors_share_a_limit_and_keys_do_not(rig: Rig) -> None:
    api = bounded(rig, anonymous_bytes=3 * DISC + FORM)
    for _ in range(3):
        async with ask(api) as client:
            await make_job(client, "cup")
    async with ask(api) as client:
        reply = await client.post(JOBS, files=[png_part("cup")])
        assert quota_of(reply)["limit"] == "anonymous_bytes"
        assert "set-cookie" not in reply.headers
        assert await rig.context.sessions.count_sessions() == 3
    headers = {"Authorization": f"Bearer {await create_api_key(rig.context, name='mine')}"}
    async with ask(api, headers=headers) as client:
        await make_job(client, "cup")


async def test_everybody_together_is_limited(rig: Rig) -> None:
    api = bounded(rig, bytes=DISC + FORM)
    headers = {"Authorization": f"Bearer {await create_api_key(rig.context, name='mine')}"}
    async with ask(api, headers=headers) as client:
        await make_job(client, "cup")
    async with ask(api) as client:
        assert quota_of(await client.post(JOBS, files=[png_part("cup")]))["limit"] == "bytes"
    await check_room(rig.context, LOCAL_OWNER)


async def test_a_paid_result_is_kept_and_then_nothing_is_begun(rig: Rig) -> None:
    """The model is larger than the room; it is there all the same."""
    async with ask(bounded(rig, bytes_per_owner=2 * DISC)) as client:
        job = await make_job(client, "cup")
        draft = await make_draft(client)
        await client.put(f"{JOBS}/{draft['id']}/items/0/views/front", content=disc_png("cup"))
        await rig.run_dispatched()
        done = (await client.get(f"{JOBS}/{job['id']}")).json()
        assert done["items"][0]["state"] == "succeeded"
        file = done["items"][0]["result"]["files"][0]
        assert (await client.get(file["url"])).status_code == 200
        assert quota_of(await client.post(f"{JOBS}/{draft['id']}/start"))
        assert quota_of(await client.post(f"{JOBS}?draft=true", json={}))
        assert (await client.get(f"{JOBS}/{draft['id']}")).json()["state"] == "draft"


async def test_formats_make_way_for_pictures(rig: Rig) -> None:
    async with ask(bounded(rig)) as client:
        job = await make_job(client, "cup")
        await rig.run_dispatched()
        url = f"{JOBS}/{job['id']}/items/0/model.obj.zip"
        for height in range(5):
            assert (await client.get(url, params={"height_mm": 5 + height})).status_code == 200
        account = (await client.get(ACCOUNT)).json()
        assert account["derived_bytes"] > 5 * DISC
        await rig.clock.advance(61)
    full = bounded(rig, bytes_per_owner=account["stored_bytes"])
    async with ask(full, cookies=client.cookies) as client:
        draft = await make_draft(client)
        for index in range(3):
            place = f"{JOBS}/{draft['id']}/items/{index}/views/front"
            assert (await client.put(place, content=disc_png("cup"))).status_code == 200
        after = (await client.get(ACCOUNT)).json()
        assert after["derived_bytes"] < account["derived_bytes"]
        assert after["stored_bytes"] <= account["stored_bytes"]
        assert (await client.get(url, params={"height_mm": 5})).status_code == 200


async def test_unfinished_items_are_limited(rig: Rig) -> None:
    async with ask(bounded(rig, items_per_owner=3)) as client:
        job = await make_job(client, "cup", "mug")
        reply = await client.post(JOBS, files=[png_part("a"), png_part("b")])
        assert quota_of(reply) == {"limit": "items_per_owner", "used": 2, "allowed": 3}
        draft = await make_draft(client)
        for index in range(2):
            url = f"{JOBS}/{draft['id']}/items/{index}/views/front"
            await client.put(url, content=disc_png("cup"))
        assert quota_of(await client.post(f"{JOBS}/{draft['id']}/start"))["used"] == 2
        await client.post(f"{JOBS}/{job['id']}/cancel")
        assert (await client.post(f"{JOBS}/{draft['id']}/start")).status_code == 202
        owner = (await rig.store.get_job(job["id"])).owner
        with pytest.raises(QuotaExceeded):
            await retry_items(rig.context, owner, job["id"], [0, 1])
        await retry_items(rig.context, owner, job["id"], [0])


async def test_jobs_begun_at_once_count_together(rig: Rig) -> None:
    async with ask(bounded(rig, items_per_owner=4)) as client:
        await make_job(client, "first")
        found: list[int] = []

        async def make(number: int) -> None:
            files = [png_part(f"cup {number}")]
            found.append((await client.post(JOBS, files=files)).status_code)

        async with anyio.create_task_group() as tasks:
            for number in range(9):
                tasks.start_soon(make, number)
        assert sorted(found) == [202] * 3 + [413] * 6


async def test_drafts_are_limited_and_empty_ones_end_soon(rig: Rig) -> None:
    async with ask(bounded(rig, drafts_per_owner=2)) as client:
        for _ in range(2):
            await make_draft(client)
        reply = await client.post(f"{JOBS}?draft=true", json={})
        assert quota_of(reply) == {"limit": "drafts_per_owner", "used": 2, "allowed": 2}
        await make_job(client, "cup")
        await rig.clock.advance(3_601)
        await Housekeeper(rig.context).tidy()
        await make_draft(client)


async def test_a_request_that_came_before_is_never_refused(rig: Rig) -> None:
    async with ask(bounded(rig, bytes_per_owner=DISC + 600, items_per_owner=1)) as client:
        headers = {"Idempotency-Key": "one"}
        await make_draft(client)
        first = await client.post(JOBS, files=[png_part("cup")], headers=headers)
        again = await client.post(JOBS, files=[png_part("cup")], headers=headers)
        assert (first.status_code, again.status_code) == (202, 202)
        assert again.json()["id"] == first.json()["id"]
        assert quota_of(await client.post(JOBS, files=[png_part("cup")]))


async def test_sessions_begin_with_a_job_alone(rig: Rig) -> None:
    """Whoever looks, or is refused, has none afterwards."""
    sessions = rig.context.sessions
    async with ask(bounded(rig, items_per_owner=1)) as client:
        for path in (JOBS, ACCOUNT, "/api/v1/limits", "/api/v1/generators"):
            assert "set-cookie" not in (await client.get(path)).headers
        for refused in (
            await client.post(JOBS, files=[png_part("cup")], data={"generator": "no/such"}),
            await client.post(f"{JOBS}?draft=true", json={"generator": "no/such"}),
            await client.post(JOBS, files=[png_part("cup"), png_part("mug")]),
        ):
            assert refused.status_code in {404, 413}
            assert "set-cookie" not in refused.headers
        assert await sessions.count_sessions() == 0
        await make_job(client, "cup")
        assert await sessions.count_sessions() == 1


async def test_one_network_begins_few_sessions(rig: Rig) -> None:
    api = bounded(rig, sessions_per_hour=3)

    async def come(host: str) -> int:
        transport = httpx2.ASGITransport(app=api, client=(host, 50_000))
        async with httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            reply = await client.post(f"{JOBS}?draft=true", json={})
            assert reply.status_code == 201 or int(reply.headers["retry-after"]) <= 1_200
            return reply.status_code

    assert [await come("203.0.113.9") for _ in range(5)] == [201, 201, 201, 429, 429]
    assert await come("203.0.113.10") == 201
    await rig.clock.advance(1_200)
    assert [await come("203.0.113.9") for _ in range(2)] == [201, 429]


async def test_the_oldest_empty_sessions_are_forgotten(rig: Rig) -> None:
    api = bounded(rig, sessions=2, drafts_per_owner=5)
    clients = [ask(api) for _ in range(5)]
    for number, client in enumerate(clients):
        await rig.clock.advance(1)
        if number == 0:
            await make_job(client, "cup")
        else:
            await make_draft(client)
    await rig.clock.advance(3_601)
    await Housekeeper(rig.context).tidy()
    assert await rig.context.sessions.count_sessions() == 2
    assert len((await clients[0].get(JOBS)).json()["jobs"]) == 1, "it has a job"
    await make_draft(clients[4])
    assert await rig.context.sessions.count_sessions() == 2, "the newest is still known"
    assert (await rig.store.stored(Owners.ANONYMOUS)).kept_bytes == DISC
    for client in clients:
        await client.aclose()


async def test_strangers_make_no_names_of_metrics(rig: Rig) -> None:
    async with ask(bounded(rig)) as client:
        for number in range(20):
            await client.post(f"/api/v1/hooks/stranger-{number}/token", content=b"{}")
    told = rig.context.metrics.exposition().decode()
    assert "stranger" not in told
    assert 'image2model_webhooks_total{accepted="false",provider="other"} 20.0' in told
