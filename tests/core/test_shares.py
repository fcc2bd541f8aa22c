"""Whose turn it is."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from image2model.core.shares import FairQueue, Share, current_share, work_for, working_for

SHARES = st.builds(Share, st.sampled_from("abc"), st.sampled_from("xy"))


def taken(queue: FairQueue[int]) -> list[int]:
    """Take all that waits, each held until the end."""
    order = []
    while (first := queue.first()) is not None:
        share, entry = first
        queue.remove(share, entry)
        queue.hold(share)
        order.append(entry)
    return order


def test_one_item_waits_for_one_of_each_owner() -> None:
    """However many jobs another owner has, and however many items are in them."""
    queue: FairQueue[int] = FairQueue()
    for number in range(1_000):
        queue.put(Share("anna", f"job-{number // 25}"), number)
    queue.put(Share("ben", "one"), -1)
    assert taken(queue).index(-1) == 1


def test_jobs_of_one_owner_take_turns() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(4):
        queue.put(Share("anna", "large"), number)
    queue.put(Share("anna", "small"), 9)
    assert taken(queue) == [0, 9, 1, 2, 3]


def test_who_holds_least_is_next() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.hold(Share("anna"), 2)
    queue.hold(Share("ben"))
    queue.put(Share("anna"), 1)
    queue.put(Share("ben"), 2)
    assert queue.first() == (Share("ben"), 2)
    queue.give_back(Share("anna"), 2)
    assert queue.first() == (Share("anna"), 1)
    queue.hold(Share("anna"), 3)
    assert queue.first(below=1) is None


@given(st.lists(st.tuples(SHARES, st.integers(0, 9))))
def test_every_entry_comes_once_and_in_the_order_of_its_share(
    put: list[tuple[Share, int]],
) -> None:
    queue: FairQueue[tuple[Share, int]] = FairQueue()
    for share, number in put:
        queue.put(share, (share, number))
    assert len(queue) == len(set(put))
    order = []
    while (first := queue.first()) is not None:
        queue.remove(*first)
        order.append(first[1])
    assert Counter(order) == Counter(set(put))
    for share in {share for share, _ in put}:
        expected = list(dict.fromkeys(number for of, number in put if of == share))
        assert [number for of, number in order if of == share] == expected


@given(st.lists(SHARES, min_size=1))
def test_no_owner_gets_two_more_than_another_who_still_waits(put: list[Share]) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, share in enumerate(put):
        queue.put(share, number)
    waiting = Counter(share.owner for share in put)
    got: Counter[str] = Counter()
    for number in taken(queue):
        owner = put[number].owner
        got[owner] += 1
        waiting[owner] -= 1
        assert all(got[owner] <= got[other] + 1 for other in waiting if waiting[other])


@given(st.lists(st.tuples(SHARES, st.integers(0, 9), st.booleans())))
def test_nothing_is_remembered_of_who_neither_waits_nor_holds(
    steps: list[tuple[Share, int, bool]],
) -> None:
    """Or a server would keep something of every visitor."""
    queue: FairQueue[int] = FairQueue()
    for share, number, holds in steps:
        queue.put(share, number)
        if holds:
            queue.hold(share, number)
    for share, number, holds in steps:
        queue.remove(share, number)
        if holds:
            queue.give_back(share, number)
    assert len(queue) == 0
    assert not queue._owners
    assert not queue._held_by_owner
    assert not queue._held_by_job


def test_whom_the_running_code_works_for() -> None:
    assert current_share() == Share("")
    with working_for(Share("anna", "job")):
        assert current_share() == Share("anna", "job")
        work_for(Share("ben"))
        assert current_share() == Share("ben")
    assert current_share() == Share("")
