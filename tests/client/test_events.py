"""Event streams are parsed as the standard says."""

import pytest

from image2model.client.events import Event, parse_events


@pytest.mark.parametrize(
    ("lines", "events"),
    [
        (["event: job", "id: 7", 'data: {"a": 1}', ""], [("job", "7", {"a": 1})]),
        (["data:{}", ""], [("message", "", {})]),
        ([": comment", "", "event: nothing", ""], []),
        (['data: {"a":', "data: 1}", ""], [("message", "", {"a": 1})]),
        (["id: 3", "data: {}", "", "data: {}", ""], [("message", "3", {}), ("message", "3", {})]),
        (["retry: 1000", "", "data: {}"], []),
    ],
)
def test_events(lines: list[str], events: list[tuple[str, str, dict[str, object]]]) -> None:
    found = list(parse_events(lines))
    assert found == [Event(name=name, id=event_id, data=data) for name, event_id, data in events]
