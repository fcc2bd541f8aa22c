"""The bodies of webhooks: what happened, in the words of the HTTP API, and small."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

from image2model.core.errors import JsonValue
from image2model.core.job import Item, Job
from image2model.core.states import ItemState
from image2model.core.webhooks import Event, EventType

_MESSAGE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldJob:
    """
    What the bodies of all events of one job share: a large job has many.

    Attributes:
        data: What is said of the job.
        items: Its items by their index.
    """

    data: JsonValue
    items: Mapping[int, Item]

    @classmethod
    def of(cls, job: Job) -> Self:
        """Tell of *job* with its items, as it is now."""
        return cls(data=_job_data(job), items={item.index: item for item in job.items})


def payload_of(event: Event, job: ToldJob | None) -> str:
    """
    Write the body for *event*.

    Args:
        event: What happened.
        job: Its job; None: it was deleted meanwhile.
    """
    data: dict[str, JsonValue] = {"job": {"id": event.job} if job is None else job.data}
    if event.item is not None:
        item = None if job is None else job.items.get(event.item)
        data["item"] = {"index": event.item} if item is None else _item_data(item)
    return _written(event.type, event.at, data)


def payload_of_test(at: datetime) -> str:
    """Write the body of a test, which is about no job."""
    return _written(EventType.TEST, at, {"message": "This is a test."})


def _written(event_type: EventType, at: datetime, data: JsonValue) -> str:
    body = {"type": event_type, "timestamp": _time(at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _job_data(job: Job) -> dict[str, JsonValue]:
    attempts = [attempt for item in job.items for attempt in item.attempts]
    booked_usd = sum((a.cost_usd for a in attempts if a.cost_usd is not None), Decimal(0))
    counts: dict[str, JsonValue] = {state: job.counts.get(state, 0) for state in ItemState}
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "generator": job.generator,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "version": job.version,
        "counts": {**counts, "total": job.total},
        "cost": {
            "booked_usd": float(booked_usd),
            "budget_usd": None if job.budget_usd is None else float(job.budget_usd),
        },
    }


def _item_data(item: Item) -> dict[str, JsonValue]:
    problem, result = item.problem, item.result
    files: list[JsonValue] = [
        {
            "name": file.name,
            "role": file.role,
            "format": file.format,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
        }
        for file in (result.files if result else ())
    ]
    return {
        "index": item.index,
        "name": item.name,
        "state": item.state,
        "error": None
        if problem is None
        else {"code": problem.code, "message": problem.message[:_MESSAGE_CHARACTERS]},
        "result": None if result is None else {"files": files},
    }


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
