"""Bring an order to its end: take it in, go on with earlier runs, save what was made."""

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from image2model.cli.service.service import Desk, Order
from image2model.cli.terminal.progress import Display
from image2model.core.errors import AlreadyRunning, IdempotencyKeyReused, WrongState
from image2model.core.ids import new_hex_id
from image2model.wire.items import ItemOut
from image2model.wire.jobs import JobOut

Watcher = Callable[[JobOut], None]
"""Called with the job after every change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """
    An order that was taken in.

    Attributes:
        job: What it became, under way.
        made_before: The indexes of its items that were made before it was taken in.
    """

    job: JobOut
    made_before: Collection[int]


def take_in(desk: Desk, order: Order, display: Display, *, resubmit: bool = False) -> TakenIn:
    """
    Have *desk* take *order* in, after the end of earlier runs that make some of the same.

    An order that came before is the same job again: one that was stopped goes on, and items
    that failed or were cancelled are tried again. What was made and paid for is fetched again,
    and paid for again only with *resubmit*, where that is offered.

    Raises:
        WrongState: An earlier run waits for a person's decision, or has paid for some of the same
            pictures and cannot fetch their models.
    """
    display.begin(f"Taking in {_pictures(len(order.subjects))}")
    finished: set[str] = set()
    while True:
        try:
            job = desk.submit(order)
        except AlreadyRunning as error:
            for earlier in error.details["jobs"]:
                if earlier in finished:
                    raise _paid_elsewhere(earlier) from error
                finished.add(earlier)
                _finish_earlier(desk, earlier, display, resubmit=resubmit)
        except IdempotencyKeyReused:
            # The same pictures, but something else was different, such as the limits then.
            order = dataclasses.replace(order, key=new_hex_id())
        else:
            # Looked at before it goes on: from then on it makes items.
            made = frozenset(item.index for item in job.items if item.state == "succeeded")
            job = _go_on(desk, job, display, resubmit=resubmit)
            return TakenIn(job=job, made_before=made)


def _finish_earlier(desk: Desk, job_id: str, display: Display, *, resubmit: bool) -> None:
    job = desk.job(job_id)
    display.note(f"Finishing an earlier run of {_pictures(len(job.items))} first ({job.name}).")
    if resubmit:
        job = resubmit_items(desk, job, offered_items(job))
    paid = [item.index for item in job.items if _is_to_be_fetched(item)]
    if paid:
        job = desk.retry(job_id, paid)
    if job.state == "paused":
        job = desk.resume(job_id)
    job = follow(desk, job, [display.update])
    if job.state != "finished":
        raise WrongState(
            what=f"Job {job_id[:8]} with some of these pictures",
            state="waiting for your decision about uncertain ones "
            f"(see `image2model jobs show {job_id[:8]}`)",
            allowed=["finished"],
        )


def _is_to_be_fetched(item: ItemOut) -> bool:
    """Tell whether *item* was paid for and its model is not here."""
    ended = item.state in {"failed", "cancelled"}
    return ended and bool(item.attempts) and item.attempts[-1].state == "accepted"


def _paid_elsewhere(job_id: str) -> WrongState:
    return WrongState(
        what=f"Job {job_id[:8]} with some of these pictures",
        state=f"paid for and still without models (see `image2model jobs show {job_id[:8]}`)",
        allowed=["complete. --resubmit pays again for what is lost, --force for everything"],
    )


def offered_items(job: JobOut) -> Sequence[int]:
    """List the items of *job* that were paid for, are lost, and can be made again for money."""
    return [item.index for item in job.items if item.resubmit_usd is not None]


def resubmit_items(desk: Desk, job: JobOut, indexes: Sequence[int]) -> JobOut:
    """Make items of *job* again that are offered, and pay for them again."""
    for index in indexes:
        job = desk.resolve(job.id, index, "resubmit")
    return job


def _go_on(desk: Desk, job: JobOut, display: Display, *, resubmit: bool) -> JobOut:
    if resubmit and (lost := offered_items(job)):
        usd = sum(job.items[index].resubmit_usd or 0.0 for index in lost)
        display.note(f"Making {_pictures(len(lost))} again, for about ${usd:,.2f}.")
        job = resubmit_items(desk, job, lost)
    again = [item.index for item in job.items if item.state in {"failed", "cancelled"}]
    # One whose picture was refused has no views, and would be refused again.
    again = [index for index in again if job.items[index].views]
    made = job.counts.succeeded
    if made and (job.state != "finished" or again):
        display.note(f"{made} of {_pictures(len(job.items))} are made already; making the rest.")
    if again:
        job = desk.retry(job.id, again)
    if job.state == "paused":
        job = desk.resume(job.id)
    return job


def follow(desk: Desk, job: JobOut, watchers: Sequence[Watcher]) -> JobOut:
    """
    Show *job* to all *watchers* now and after every change; returns it at its end.

    On Ctrl-C it is paused where the work is done by this process, so that no other command
    goes on with it unasked.
    """
    try:
        for current in desk.follow(job.id):
            job = current
            for watch in watchers:
                watch(job)
    except KeyboardInterrupt:
        if desk.works_here:
            with contextlib.suppress(WrongState):  # It has just finished.
                desk.pause(job.id)
        raise
    return job


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
