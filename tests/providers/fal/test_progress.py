"""The meter and the memory of run times."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.core.generator import GeneratorId
from image2model.providers.fal.progress import Meter, RunTimes, inference_s, phase_in

GENERATOR = GeneratorId("fal/any")


def log(*messages: str) -> list[dict[str, Any]]:
    return [{"message": message, "timestamp": "", "level": "STDERR"} for message in messages]


@pytest.mark.parametrize(
    ("logs", "phase"),
    [
        (log("Sampling:  50%|█████     | 5/10"), "Sampling"),
        (log("Loading weights...", "Decoding: 100%|██████████| 10/10"), "Decoding"),
        (log("Baking texture", ""), "Baking texture"),
        (log("Sampling: 10%", "INFO:root:x", "  50%|###  |"), "Sampling"),
        ([{"message": None}, {}, 7], ""),
        (None, ""),
    ],
)
def test_the_last_phase_is_found(logs: Any, phase: str) -> None:
    assert phase_in(logs) == phase


def test_four_fifths_at_the_typical_time() -> None:
    meter = Meter(typical_s=10.0)
    start = meter.running(None, now_s=100.0)
    middle = meter.running(None, now_s=110.0)
    late = meter.running(None, now_s=1_000.0)
    assert start.fraction == pytest.approx(0.10)
    assert start.eta_s == 10.0
    assert middle.fraction == pytest.approx(0.10 + 0.8 * 0.83, abs=0.001)
    assert late.fraction < 0.94
    assert late.eta_s is not None
    assert late.eta_s > 0


def test_a_queue_that_moves_has_a_time_left() -> None:
    meter = Meter(typical_s=10.0)
    assert meter.queued(10, now_s=0.0).eta_s is None
    moved = meter.queued(5, now_s=50.0)
    assert moved.eta_s == pytest.approx(50.0 + 10.0)
    assert moved.queue_position == 5
    assert meter.queued(0, now_s=60.0).eta_s == pytest.approx(10.0)


@given(
    st.lists(
        st.tuples(st.sampled_from(["queue", "run"]), st.integers(0, 50), st.floats(0.01, 100.0)),
        max_size=40,
    )
)
def test_it_never_falls_and_never_ends(steps: list[tuple[str, int, float]]) -> None:
    """Whatever order the service says things in."""
    meter, now_s, last = Meter(typical_s=20.0), 0.0, 0.0
    for what, place, later_s in steps:
        now_s += later_s
        if what == "queue":
            progress = meter.queued(place, now_s=now_s)
        else:
            progress = meter.running(log("Sampling: 100%"), now_s=now_s)
        assert last <= progress.fraction < 0.95
        assert progress.eta_s is None or progress.eta_s >= 0
        last = progress.fraction


def test_run_times_are_remembered_by_their_median() -> None:
    times = RunTimes()
    assert times.typical_s(GENERATOR, otherwise_s=30.0) == 30.0
    for run_s in (5.0, 6.0, 500.0):
        times.note(GENERATOR, run_s)
    assert times.typical_s(GENERATOR, otherwise_s=30.0) == 6.0


@pytest.mark.parametrize("metrics", [None, {}, {"inference_time": True}, {"inference_time": 0}])
def test_odd_metrics_say_nothing(metrics: Any) -> None:
    assert inference_s({"metrics": metrics}) is None
    assert inference_s({"metrics": {"inference_time": 2}}) == 2.0
