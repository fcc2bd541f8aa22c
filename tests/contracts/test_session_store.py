"""What every `SessionStore` promises."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from image2model.core.ids import OwnerId
from image2model.core.money import SpendingLimits
from image2model.core.scopes import Scope
from image2model.ports.sessions import ApiKey, SessionStore
from image2model.testing.fake_clock import FakeClock

pytestmark = pytest.mark.anyio

OWNER = OwnerId("session:1")
TOKEN = "ab" * 32


def make_key(clock: FakeClock, key_id: str = "0badcafe") -> ApiKey:
    return ApiKey(
        id=key_id,
        name="Büro",
        secret_sha256="cd" * 32,
        owner=OwnerId(f"key:{key_id}"),
        created_at=clock.now(),
    )


async def test_session_lasts_until_its_end(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    ends = store_clock.now() + timedelta(seconds=60)
    await session_store.add_session(TOKEN, owner=OWNER, expires_at=ends)
    assert await session_store.session_owner(TOKEN) == OWNER
    assert await session_store.session_owner("cd" * 32) is None
    await store_clock.advance(59)
    assert await session_store.session_owner(TOKEN) == OWNER
    await store_clock.advance(1)
    assert await session_store.session_owner(TOKEN) is None


async def test_session_is_prolonged(session_store: SessionStore, store_clock: FakeClock) -> None:
    for seconds in (60, 120):
        ends = store_clock.now() + timedelta(seconds=seconds)
        await session_store.add_session(TOKEN, owner=OWNER, expires_at=ends)
    await store_clock.advance(90)
    assert await session_store.session_owner(TOKEN) == OWNER


async def test_session_can_be_ended(session_store: SessionStore, store_clock: FakeClock) -> None:
    ends = store_clock.now() + timedelta(seconds=60)
    for token in (TOKEN, "cd" * 32):
        await session_store.add_session(token, owner=OWNER, expires_at=ends)
    for _ in range(2):
        await session_store.remove_session(TOKEN)
        assert await session_store.session_owner(TOKEN) is None
    assert await session_store.session_owner("cd" * 32) == OWNER


async def test_sessions_that_are_over_are_removed(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    for seconds in (10, 20, 30):
        ends = store_clock.now() + timedelta(seconds=seconds)
        await session_store.add_session(f"{seconds:064x}", owner=OWNER, expires_at=ends)
    assert await session_store.remove_expired_sessions() == 0
    await store_clock.advance(20)
    assert await session_store.remove_expired_sessions() == 2
    assert await session_store.remove_expired_sessions() == 0
    assert await session_store.session_owner(f"{30:064x}") == OWNER


async def test_key_is_found_by_its_id(session_store: SessionStore, store_clock: FakeClock) -> None:
    key = make_key(store_clock)
    await session_store.add_key(key)
    assert await session_store.find_key(key.id) == key
    assert await session_store.find_key("00000000") is None


async def test_key_keeps_what_it_may_do(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    limits = SpendingLimits(job_usd=Decimal("0.000001"), day_usd=Decimal(0), month_usd=Decimal(999))
    key = replace(
        make_key(store_clock),
        scopes=frozenset({Scope.READ, Scope.ADMIN}),
        expires_at=store_clock.now() + timedelta(days=30),
        limits=limits,
        generators=("local/*", "fal/tripo-v2.5"),
    )
    await session_store.add_key(key)
    assert await session_store.find_key(key.id) == key
    none_allowed = replace(key, id="00000001", generators=(), scopes=frozenset())
    await session_store.add_key(none_allowed)
    assert await session_store.find_key("00000001") == none_allowed


async def test_use_of_a_key_is_noted(session_store: SessionStore, store_clock: FakeClock) -> None:
    key = make_key(store_clock)
    await session_store.add_key(key)
    for _ in range(2):
        await store_clock.advance(5)
        await session_store.note_key_use(key.id)
        used = replace(key, last_used_at=store_clock.now())
        assert await session_store.find_key(key.id) == used
    await session_store.note_key_use("00000000")
    assert list(await session_store.list_keys()) == [used]


async def test_key_ids_are_unique(session_store: SessionStore, store_clock: FakeClock) -> None:
    key = make_key(store_clock)
    await session_store.add_key(key)
    with pytest.raises(ValueError, match=key.id):
        await session_store.add_key(make_key(store_clock))
    assert await session_store.find_key(key.id) == key


async def test_keys_are_listed_newest_first(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    keys = []
    for key_id in ("00000002", "00000001", "00000003"):
        keys.append(make_key(store_clock, key_id))
        await session_store.add_key(keys[-1])
        await store_clock.advance(1)
    assert list(await session_store.list_keys()) == keys[::-1]


async def test_revoked_key_stays_known(session_store: SessionStore, store_clock: FakeClock) -> None:
    key = make_key(store_clock)
    await session_store.add_key(key)
    await store_clock.advance(5)
    revoked_at = store_clock.now()
    assert await session_store.revoke_key(key.id)
    await store_clock.advance(5)
    assert not await session_store.revoke_key(key.id)
    assert not await session_store.revoke_key("00000000")
    found = await session_store.find_key(key.id)
    assert found is not None
    assert found.revoked_at == revoked_at
    assert list(await session_store.list_keys()) == [found]
