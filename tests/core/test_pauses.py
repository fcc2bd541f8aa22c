"""Waits grow, and no further than they should."""

from image2model.core.values.backoff import growing_s


def test_each_wait_is_twice_the_one_before() -> None:
    waits = [growing_s(times, first_s=3.0, longest_s=60.0) for times in range(6)]
    assert waits == [3.0, 6.0, 12.0, 24.0, 48.0, 60.0]


def test_the_longest_wait_stays_however_often_it_was_waited() -> None:
    assert growing_s(1_000_000, first_s=0.5, longest_s=86_400.0) == 86_400.0
