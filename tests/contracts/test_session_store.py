"""What every `SessionStore` promises."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import anyio
import pytest

from image2model.core.ids import OwnerId
from image2model.core.money import SpendingLimits
from image2model.core.scopes import Scope
from image2model.ports.sessions import ApiKey, Session, SessionStore
from image2model.testing.fake_clock import FakeClock

pytestmark = pytest.mark.anyio

OWNER = OwnerId("session:1")
TOKEN, NEXT = "ab" * 32, "cd" * 32


def make_key(clock: FakeClock, key_id: str = "0badcafe") -> ApiKey:
    return ApiKey(
        id=key_id,
        name="Büro",
        secret_sha256="cd" * 32,
        owner=OwnerId(f"key:{key_id}"),
        created_at=clock.now(),
    )


def make_session(
    clock: FakeClock, *, session_id: str = "1", owner: OwnerId = OWNER, lasts_s: float = 60
) -> Session:
    now = clock.now()
    return Session(
        id=session_id,
        owner=owner,
        issued_at=now,
        expires_at=now + timedelta(seconds=lasts_s),
        ends_at=now + timedelta(days=1),
    )


async def test_session_lasts_until_its_end(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    session = make_session(store_clock)
    await session_store.add_session(TOKEN, session)
    assert await session_store.find_session(TOKEN) == session
    assert await session_store.find_session(NEXT) is None
    await store_clock.advance(59)
    assert await session_store.find_session(TOKEN) == session
    await store_clock.advance(1)
    assert await session_store.find_session(TOKEN) is None


async def test_session_is_prolonged(session_store: SessionStore, store_clock: FakeClock) -> None:
    session = make_session(store_clock)
    await session_store.add_session(TOKEN, session)
    ends = store_clock.now() + timedelta(seconds=120)
    for token in (TOKEN, NEXT):
        await session_store.prolong_session(token, expires_at=ends)
    await store_clock.advance(90)
    assert await session_store.find_session(TOKEN) == replace(session, expires_at=ends)
    assert await session_store.find_session(NEXT) is None


async def rotate(
    store: SessionStore, clock: FakeClock, token: str, new: str, *, session_id: str = "1"
) -> bool:
    session = replace(
        make_session(clock, session_id=session_id), ends_at=clock.now() + timedelta(hours=1)
    )
    not_since = clock.now() - timedelta(seconds=10)
    return await store.rotate_session(token, new, session, not_since=not_since)


async def test_session_changes_its_token(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    await session_store.add_session(TOKEN, make_session(store_clock, lasts_s=1_000))
    assert not await rotate(session_store, store_clock, TOKEN, NEXT), "it has just got one"
    await store_clock.advance(10)
    assert not await rotate(session_store, store_clock, "00" * 32, NEXT)
    assert await rotate(session_store, store_clock, TOKEN, NEXT)
    for token, is_confirmed in ((TOKEN, True), (NEXT, False)):
        found = await session_store.find_session(token)
        assert found is not None
        assert (found.owner, found.is_confirmed) == (OWNER, is_confirmed)
    until = store_clock.now() + timedelta(seconds=5)
    await session_store.confirm_session(NEXT, others_until=until)
    found = await session_store.find_session(NEXT)
    assert found is not None
    assert found.is_confirmed
    assert await session_store.find_session(TOKEN) is not None, "requests may be under way"
    await store_clock.advance(5)
    assert await session_store.find_session(TOKEN) is None
    assert await session_store.find_session(NEXT) == found


async def test_token_that_never_arrived_is_replaced(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    await session_store.add_session(TOKEN, make_session(store_clock, lasts_s=1_000))
    await store_clock.advance(10)
    assert await rotate(session_store, store_clock, TOKEN, NEXT)
    await store_clock.advance(9)
    assert not await rotate(session_store, store_clock, TOKEN, "ef" * 32)
    await store_clock.advance(1)
    assert await rotate(session_store, store_clock, TOKEN, "ef" * 32)
    assert await session_store.find_session(NEXT) is None
    assert await session_store.find_session(TOKEN) is not None


async def test_of_requests_at_once_one_changes_the_token(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    tokens = [f"{number:064x}" for number in range(10)]
    for number, token in enumerate(tokens):
        session = make_session(store_clock, lasts_s=1_000, session_id=f"{number}")
        await session_store.add_session(token, session)
    await store_clock.advance(10)
    changed: list[str] = []

    async def one(number: int, token: str, new: str) -> None:
        if await rotate(session_store, store_clock, token, new, session_id=f"{number}"):
            changed.append(token)

    for number, token in enumerate(tokens):
        async with anyio.create_task_group() as group:
            for asked in range(4):
                group.start_soon(one, number, token, f"{asked + 1:032x}{number:032x}")
    assert changed == tokens


async def test_token_that_is_given_out_at_the_end_ends_too(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    """Whoever signs out is signed out, though another page of theirs asks for something."""
    tokens = [f"{number:064x}" for number in range(20)]
    for number, token in enumerate(tokens):
        session = make_session(store_clock, lasts_s=1_000, session_id=f"{number}")
        await session_store.add_session(token, session)
    await store_clock.advance(10)
    for number, token in enumerate(tokens):
        new = f"{number + 1:032x}{number:032x}"
        async with anyio.create_task_group() as group:
            group.start_soon(
                partial(rotate, session_store, store_clock, token, new, session_id=f"{number}")
            )
            group.start_soon(session_store.remove_session, f"{number}")
        assert await session_store.find_session(token) is None
        assert await session_store.find_session(new) is None


async def test_session_can_be_ended(session_store: SessionStore, store_clock: FakeClock) -> None:
    await session_store.add_session(TOKEN, make_session(store_clock))
    await session_store.add_session("ef" * 32, make_session(store_clock, session_id="2"))
    await store_clock.advance(10)
    assert await rotate(session_store, store_clock, TOKEN, NEXT)
    for _ in range(2):
        await session_store.remove_session("1")
        assert await session_store.find_session(TOKEN) is None
        assert await session_store.find_session(NEXT) is None
    assert await session_store.find_session("ef" * 32) is not None


async def test_sessions_that_are_over_are_removed(
    session_store: SessionStore, store_clock: FakeClock
) -> None:
    """Told are the owners who have none left."""
    other = OwnerId("session:2")
    for lasts_s, owner in ((10, OWNER), (20, OWNER), (20, other), (30, OWNER), (40, other)):
        name = f"{lasts_s}-{owner}"
        session = make_session(store_clock, session_id=name, owner=owner, lasts_s=lasts_s)
        await session_store.add_session(f"{name:>064}", session)
    assert set(await session_store.remove_expired_sessions()) == set()
    await store_clock.advance(20)
    assert set(await session_store.remove_expired_sessions()) == set()
    await store_clock.advance(10)
    assert set(await session_store.remove_expired_sessions()) == {OWNER}
    await store_clock.advance(10)
    assert set(await session_store.remove_expired_sessions()) == {other}
    assert set(await session_store.remove_expired_sessions()) == set()


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
