"""What operators are told of runs."""

import re

import pytest

from image2model.backends.prometheus.metrics import PrometheusMetrics
from image2model.core.errors import ProviderRejected, ProviderUnavailable, WebhookRefused
from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId, new_hex_id
from image2model.core.states import ItemState
from image2model.jobs.lifecycle.control import cancel_items
from image2model.jobs.runs.provider_webhooks import receive_webhook
from image2model.jobs.runs.recover import Sweeper
from image2model.ports.dispatcher import ItemRef
from image2model.ports.metrics import ItemChange
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")


def told(rig: Rig, name: str, **labels: str) -> float:
    """Read one number of the exposition; 0 where there is none."""
    text = rig.context.metrics.exposition().decode()
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
            return float(found[2])
    return 0.0


async def test_counts_a_whole_run(rig: Rig) -> None:
    await rig.submit(ANNA, "mug", "jug")
    await rig.clock.advance(7)
    await rig.run_dispatched()
    for state in ("submitting", "generating", "finishing", "succeeded"):
        assert told(rig, "image2model_items_total", state=state) == 2
    assert told(rig, "image2model_item_wait_seconds_count") == 2
    assert told(rig, "image2model_item_wait_seconds_sum") >= 14
    assert told(rig, "image2model_item_duration_seconds_count", state="succeeded") == 2
    assert told(rig, "image2model_cost_usd_total", provider="scripted") == pytest.approx(0.4)
    for call in ("prepare", "submit", "follow", "collect"):
        count = told(rig, "image2model_provider_call_seconds_count", call=call, outcome="ok")
        assert count == 2, call


async def test_counts_errors_by_their_codes_and_waits_once(rig: Rig) -> None:
    """A second try is another submission, but the item has waited for its first only."""
    rig.provider.fail("submit", "mug", [ProviderUnavailable(provider="scripted", reason="down")])
    rig.provider.fail(
        "submit", "jug", [ProviderRejected(provider="scripted", reason="no object in it")]
    )
    await rig.submit(ANNA, "mug", "jug")
    await rig.run_dispatched()
    await rig.clock.advance(60)
    await Sweeper(rig.context).sweep()
    await rig.run_dispatched()
    name = "image2model_provider_call_seconds_count"
    assert told(rig, name, call="submit", outcome="provider_unavailable") == 1
    assert told(rig, name, call="submit", outcome="provider_rejected") == 1
    assert told(rig, name, call="submit", outcome="ok") == 1
    assert told(rig, "image2model_item_wait_seconds_count") == 2
    assert told(rig, "image2model_items_total", state="failed") == 1
    assert told(rig, "image2model_items_total", state="queued") == 1


async def test_progress_is_no_change_of_state(rig: Rig) -> None:
    await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    assert told(rig, "image2model_items_total", state="generating") == 1


async def test_cancelled_items_that_never_ran_are_not_waited_for(rig: Rig) -> None:
    job = await rig.submit(ANNA, "mug")
    await cancel_items(rig.context, ANNA, job.id)
    await rig.run_dispatched()
    assert told(rig, "image2model_item_wait_seconds_count") == 0


async def test_generators_named_by_address_are_counted_together(rig: Rig) -> None:
    for number in range(3):
        rig.context.metrics.item_changed(
            ItemChange(
                item=ItemRef((await rig.submit(ANNA, "mug")).id, 0),
                generator=GeneratorId(f"fal:{new_hex_id()}/path-{number}"),
                provider="fal",
                state=ItemState.SUCCEEDED,
                at=rig.clock.now(),
                since_start_s=1.0,
                first_submission=False,
                cost_usd=None,
            )
        )
    assert told(rig, "image2model_items_total", generator="fal:", state="succeeded") == 3


async def test_strangers_words_are_no_labels(rig: Rig) -> None:
    for number in range(20_000):
        with pytest.raises(WebhookRefused):
            await receive_webhook(rig.context, f"maker-{number}", "token", {}, b"")
    name = "image2model_webhooks_total"
    assert told(rig, name, provider="other", accepted="false") == 20_000
    assert len(rig.context.metrics.exposition()) < 10_000


def test_names_are_held_in_a_limited_number() -> None:
    metrics = PrometheusMetrics()
    for number in range(20_000):
        metrics.webhook_received(provider=f"maker-{number}", accepted=False)
    metrics.webhook_received(provider="long" * 1_000, accepted=False)
    told = metrics.exposition().decode()
    assert 'provider="maker-0"' in told
    assert 'image2model_webhooks_total{accepted="false",provider="other"} 19801.0' in told
    assert len(told) < 100_000
