"""A limit on what is done at once, shared by owners."""

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from image2model.core.shares import Share, working_for
from image2model.jobs.limits.fair import FairLimiter

pytestmark = pytest.mark.anyio


async def settle() -> None:
    for _ in range(5):
        await checkpoint()


async def test_the_next_place_goes_to_who_holds_least() -> None:
    limiter = FairLimiter(2)
    order: list[str] = []
    go_on = anyio.Event()

    async def hold(owner: str) -> None:
        with working_for(Share(owner)):
            async with limiter.hold():
                order.append(owner)
                await go_on.wait()

    async with anyio.create_task_group() as group:
        for owner in "aaaab":
            group.start_soon(hold, owner)
            await settle()
        assert order == ["a", "a"]
        assert len(limiter) == 3
        go_on.set()
    assert order[2] == "b"


async def test_one_owner_gets_no_more_than_its_part() -> None:
    limiter = FairLimiter(4, per_owner=2)

    async def keep() -> None:
        with working_for(Share("anna")):
            async with limiter.hold():
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(keep)
        await settle()
        assert len(limiter) == 1
        with anyio.fail_after(1), working_for(Share("ben")):
            async with limiter.hold():
                pass
        group.cancel_scope.cancel()


async def test_patience_ends() -> None:
    limiter = FairLimiter(1)
    async with limiter.hold():
        with pytest.raises(TimeoutError):
            async with limiter.hold(patience_s=0.01):
                raise AssertionError
    async with limiter.hold(patience_s=0.0):
        pass


async def test_who_wants_much_is_not_overtaken() -> None:
    limiter = FairLimiter(10)
    order: list[int] = []

    async def hold(owner: str, amount: int) -> None:
        with working_for(Share(owner)):
            async with limiter.hold(amount):
                order.append(amount)
                await checkpoint()

    async with anyio.create_task_group() as group, limiter.hold(5):
        for owner, amount in [("a", 99), ("b", 1)]:
            group.start_soon(hold, owner, amount)
            await settle()
        assert order == []
    assert order == [99, 1]


ORDERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 7), st.sampled_from(["ends", "stops"])),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), ORDERS)
def test_never_more_than_there_is_and_all_comes_back(
    total: int, orders: list[tuple[str, int, str]]
) -> None:
    """Also where some stop waiting, or stop while they hold."""

    async def run() -> None:
        limiter = FairLimiter(total)
        held = 0

        async def hold(owner: str, amount: int, end: str) -> None:
            nonlocal held
            amount = min(amount, total)
            with working_for(Share(owner)), anyio.CancelScope() as scope:
                if end == "stops":
                    scope.deadline = anyio.current_time()
                async with limiter.hold(amount):
                    held += amount
                    assert held <= total
                    try:
                        await settle()
                    finally:
                        held -= amount

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for order in orders:
                    group.start_soon(hold, *order)
            async with limiter.hold(total):
                assert len(limiter) == 0

    anyio.run(run)
