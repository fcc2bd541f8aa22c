"""Traces as a collector receives them."""

from pathlib import Path

import pytest

from image2model.backends.otlp.traces import TracingMetrics
from image2model.backends.prometheus.metrics import PrometheusMetrics
from image2model.bootstrap import open_app
from image2model.core.errors import ProviderUnavailable
from image2model.core.generator import GeneratorId, View
from image2model.core.ids import OwnerId
from image2model.core.job import Job
from image2model.core.states import JobState
from image2model.jobs.context import Context
from image2model.jobs.intake.pictures import take_picture
from image2model.jobs.intake.submit import JobRequest, NewItem, submit_job
from image2model.jobs.lifecycle.watch import wait_for_change
from image2model.jobs.runs.recover import Sweeper
from image2model.settings import Settings
from tests.harness.rig import Rig, disc_png, once
from tests.servers.collector import Collector

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")


async def test_a_job_is_a_trace(tmp_path: Path) -> None:
    """Items are its spans, and what was asked of the provider lies within them."""
    counted = PrometheusMetrics()
    with Collector() as collector:
        metrics = TracingMetrics(counted, url=collector.url, service="image2model", version="1")
        rig = Rig(tmp_path, metrics=metrics)
        outage = ProviderUnavailable(provider="scripted", reason="down")
        rig.provider.fail("submit", "jug", [outage])
        job = await rig.submit(ANNA, "mug", "jug")
        await rig.run_dispatched()
        await rig.clock.advance(60)
        await Sweeper(rig.context).sweep()
        await rig.run_dispatched()
        metrics.close()
    spans = collector.spans()
    assert {span.trace_id.hex() for span in spans} == {job.id}
    items = [span for span in spans if span.name == "item"]
    assert len(items) == 2
    assert not any(span.parent_span_id for span in items)
    calls = [span for span in spans if span.name != "item"]
    assert {span.parent_span_id for span in calls} == {span.span_id for span in items}
    failed = [span.name for span in spans if span.status.code == 2]
    assert failed == ["scripted submit"]
    told = {pair.key: pair.value for pair in items[0].attributes}
    assert told["image2model.job"].string_value == job.id
    assert told["image2model.state"].string_value == "succeeded"
    assert told["image2model.cost_usd"].double_value == pytest.approx(0.2)
    late = max(items, key=lambda span: span.end_time_unix_nano)
    assert late.end_time_unix_nano - late.start_time_unix_nano >= 60e9
    assert b'state="succeeded"' in counted.exposition()


async def test_the_product_sends_traces_where_it_is_told(tmp_path: Path) -> None:
    with Collector() as collector:
        async with open_app(Settings(data_dir=tmp_path, traces_url=collector.url)) as app:
            job = await make_one(app.context)
        (item,) = [span for span in collector.spans() if span.name == "item"]
    assert item.trace_id.hex() == job.id


async def make_one(context: Context) -> Job:
    """Make a model of a disc with the default generator, to its end."""
    picture = await take_picture(context, once(disc_png("mug")), view=View.FRONT)
    request = JobRequest(generator=GeneratorId("local/puff"))
    job = await submit_job(context, ANNA, request, [NewItem(name="mug", pictures=[picture])])
    while job.state is not JobState.FINISHED:
        job = await wait_for_change(context, ANNA, job.id, after=job.version, wait_s=30.0)
    return job
