"""Follow a job over server-sent events, through lost connections."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One server-sent event: its name, its id ("" for none) and its data as JSON."""

    name: str
    id: str
    data: dict[str, object]


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """
    Parse an event stream line by line; comments and events without data are passed over.

    The format: HTML Living Standard, section 9.2 "Server-sent events".
    """
    name, event_id, data = "message", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(name=name, id=event_id, data=json.loads("\n".join(data)))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            event_id = value
        elif field == "data":
            data.append(value)
