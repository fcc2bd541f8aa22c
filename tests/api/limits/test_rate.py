"""How often a caller may do something: in a burst, at an even pace, and each for itself."""

import pytest

from image2model.api.limits import rates
from image2model.api.limits.rates import Rate
from image2model.core.errors import TooManyRequests
from image2model.testing.fake_clock import FakeClock

pytestmark = pytest.mark.anyio


def taken(rate: Rate, caller: str, tries: int) -> int:
    """Try so many times; returns how many were let through."""
    refused = 0
    for _ in range(tries):
        try:
            rate.take(caller)
        except TooManyRequests:
            refused += 1
    return tries - refused


@pytest.mark.parametrize("per_minute", [1, 7, 60, 120, 997])
def test_a_minutes_worth_may_come_at_once(per_minute: int) -> None:
    assert taken(Rate(per_minute, FakeClock()), "somebody", 2 * per_minute) == per_minute


async def test_then_one_more_for_every_share_of_a_minute() -> None:
    clock = FakeClock()
    rate = Rate(6, clock)
    assert taken(rate, "somebody", 10) == 6
    with pytest.raises(TooManyRequests) as caught:
        rate.take("somebody")
    assert caught.value.retry_after_s == pytest.approx(10.0)
    await clock.advance(9.0)
    assert taken(rate, "somebody", 1) == 0
    await clock.advance(1.0)
    assert taken(rate, "somebody", 2) == 1
    await clock.advance(60.0)
    assert taken(rate, "somebody", 10) == 6


async def test_who_is_refused_is_not_set_back() -> None:
    clock = FakeClock()
    rate = Rate(60, clock)
    assert taken(rate, "somebody", 1_000) == 60
    await clock.advance(1.0)
    assert taken(rate, "somebody", 1) == 1


def test_callers_do_not_count_for_each_other() -> None:
    rate = Rate(2, FakeClock())
    assert [taken(rate, name, 3) for name in ("one", "two", "three")] == [2, 2, 2]


def test_without_a_limit_nobody_is_refused() -> None:
    assert taken(Rate(None, FakeClock()), "somebody", 10_000) == 10_000


async def test_who_was_quiet_for_a_minute_takes_no_memory() -> None:
    clock = FakeClock()
    rate = Rate(10, clock)
    for number in range(1_000):
        rate.take(f"stranger {number}")
    assert rate.known == 1_000
    await clock.advance(30.0)
    rate.take("somebody")
    assert rate.known == 1


async def test_each_of_many_is_forgotten_in_its_time() -> None:
    """Also where one that came first has used up more than those after it."""
    clock = FakeClock()
    rate = Rate(10, clock)
    assert taken(rate, "eager", 10) == 10
    for number in range(100):
        rate.take(f"stranger {number}")
    await clock.advance(7.0)
    rate.take("eager")
    await clock.advance(61.0)
    rate.take("somebody")
    assert rate.known == 1


def test_a_flood_of_addresses_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_CALLERS", 100)
    rate = Rate(10, FakeClock())
    for number in range(1_000):
        rate.take(f"stranger {number}")
    assert rate.known == 100
