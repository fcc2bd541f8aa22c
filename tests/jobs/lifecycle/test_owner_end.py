"""Access that ends: what waits fails, and the rest stays as it is."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from image2model.core.errors import AccessEnded, ApiKeyNotFound, InvalidRequest
from image2model.core.ids import OwnerId
from image2model.core.job import Item, Job
from image2model.core.states import ItemState, JobState
from image2model.jobs.access import (
    SESSION_IDLE,
    change_api_key,
    create_api_key,
    find_api_key,
    identify_key,
    identify_session,
    new_owner,
    open_session,
)
from image2model.jobs.lifecycle.control import pause_job
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.jobs.lifecycle.owner_end import close_session, revoke_api_key
from image2model.ports.sessions import ApiKey
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def items_of(rig: Rig, job: Job) -> list[Item]:
    return list((await rig.store.get_job(job.id)).items)


def codes(items: list[Item]) -> list[str]:
    return [item.problem.code if item.problem else "" for item in items]


async def test_key_that_expired_pays_for_nothing_more(rig: Rig) -> None:
    """Even where nobody has tidied up since, and a retry would be due."""
    text = await create_api_key(rig.context, name="mine", expires_at=rig.clock.now() + HOUR)
    owner = (await identify_key(rig.context, text)).owner
    job = await rig.submit(owner, "mug", "vase")
    await rig.clock.advance(HOUR.total_seconds())
    await rig.run_dispatched()
    assert codes(await items_of(rig, job)) == [AccessEnded.code] * 2
    assert (await rig.store.get_job(job.id)).state is JobState.FINISHED
    assert rig.provider.accepted == {}


async def test_expired_keys_are_tidied_up(rig: Rig) -> None:
    text = await create_api_key(rig.context, name="mine", expires_at=rig.clock.now() + HOUR)
    owner = (await identify_key(rig.context, text)).owner
    paused, other = await rig.submit(owner, "mug"), await rig.submit(OwnerId("key:2"), "vase")
    await pause_job(rig.context, owner, paused.id)
    await Housekeeper(rig.context).tidy()
    assert codes(await items_of(rig, paused)) == [""]
    await rig.clock.advance(HOUR.total_seconds())
    await Housekeeper(rig.context).tidy()
    assert codes(await items_of(rig, paused)) == [AccessEnded.code]
    await rig.run_dispatched()
    assert [item.state for item in await items_of(rig, other)] == [ItemState.SUCCEEDED]


async def test_end_of_a_key_can_be_moved(rig: Rig) -> None:
    now = rig.clock.now()
    text = await create_api_key(rig.context, name="mine", expires_at=now + HOUR)
    identity = await identify_key(rig.context, text)
    key = await find_api_key(rig.context, text.split("_")[1])
    with pytest.raises(InvalidRequest):
        await change_api_key(rig.context, replace(key, expires_at=now))
    for ends_at in (now + 3 * HOUR, None):
        await change_api_key(rig.context, replace(key, expires_at=ends_at))
        await rig.clock.advance(HOUR.total_seconds())
        job = await rig.submit(identity.owner, f"mug until {ends_at}")
        await rig.run_dispatched()
        assert [item.state for item in await items_of(rig, job)] == [ItemState.SUCCEEDED]
    await revoke_api_key(rig.context, key.id)
    with pytest.raises(ApiKeyNotFound):
        await change_api_key(rig.context, key)


@pytest.mark.parametrize("revoked", ["before the key is written", "after that"])
async def test_a_key_that_is_revoked_meanwhile_stays_ended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, revoked: str
) -> None:
    """One operator sets that it never ends while another one revokes it."""
    text = await create_api_key(rig.context, name="mine", expires_at=rig.clock.now() + HOUR)
    owner = (await identify_key(rig.context, text)).owner
    key = await find_api_key(rig.context, text.split("_")[1])
    sessions = rig.context.sessions
    job = await rig.submit(owner, "mug")
    change = partial(change_api_key, rig.context, replace(key, expires_at=None))
    if revoked == "after that":
        revoke_key = sessions.revoke_key

        async def change_and_revoke(key_id: str) -> bool:
            await change()
            return await revoke_key(key_id)

        monkeypatch.setattr(sessions, "revoke_key", change_and_revoke)
        await revoke_api_key(rig.context, key.id)
    else:
        change_key = sessions.change_key

        async def revoke_and_change(key: ApiKey) -> bool:
            await sessions.revoke_key(key.id)
            return await change_key(key)

        monkeypatch.setattr(sessions, "change_key", revoke_and_change)
        with pytest.raises(ApiKeyNotFound):
            await change()
    await rig.run_dispatched()
    assert codes(await items_of(rig, job)) == [AccessEnded.code]
    later = await rig.submit(owner, "vase")
    await rig.run_dispatched()
    assert codes(await items_of(rig, later)) == [AccessEnded.code]


async def test_session_that_ends_takes_along_what_waits(rig: Rig) -> None:
    owner = new_owner()
    token = await open_session(rig.context, owner)
    done = await rig.submit(owner, "mug")
    await rig.run_dispatched()
    waiting = await rig.submit(owner, "vase")
    identity = await identify_session(rig.context, token)
    assert identity is not None
    await close_session(rig.context, identity)
    assert await identify_session(rig.context, token) is None
    await rig.run_dispatched()
    assert codes(await items_of(rig, waiting)) == [AccessEnded.code]
    assert [item.state for item in await items_of(rig, done)] == [ItemState.SUCCEEDED]


async def test_session_that_nobody_uses_ends(rig: Rig) -> None:
    owner = new_owner()
    token = await open_session(rig.context, owner)
    job = await rig.submit(owner, "mug")
    await rig.clock.advance(SESSION_IDLE.total_seconds() / 2)
    assert await identify_session(rig.context, token) is not None
    await rig.clock.advance(SESSION_IDLE.total_seconds() - 1)
    await Housekeeper(rig.context).tidy()
    assert codes(await items_of(rig, job)) == [""]
    await rig.clock.advance(1)
    assert await identify_session(rig.context, token) is None
    await Housekeeper(rig.context).tidy()
    assert codes(await items_of(rig, job)) == [AccessEnded.code]
