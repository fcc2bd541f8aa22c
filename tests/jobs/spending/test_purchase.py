"""What an owner may buy, looked at whenever something is about to be made."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from image2model.core.errors import (
    GeneratorNotAllowed,
    Image2ModelError,
    PaymentNotAllowed,
    PriceUnknown,
    ProviderResultInvalid,
    SubmissionUncertain,
)
from image2model.core.generator import GeneratorCard, Price
from image2model.core.ids import LOCAL_OWNER, OwnerId
from image2model.core.job import Job
from image2model.core.money import Budget, SpendingLimits
from image2model.core.states import ItemState
from image2model.jobs.access import create_api_key, identify_key
from image2model.jobs.context import Rules
from image2model.jobs.intake.submit import JobRequest, create_draft, put_picture, start_draft
from image2model.jobs.lifecycle.control import resolve_item, retry_items
from image2model.jobs.spending.purchase import Wanted, find_buyer
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Resolution
from image2model.testing.scripted_provider import SCRIPTED
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")

REFUSALS = [
    ({"allowed_generators": ["local/*"]}, GeneratorNotAllowed),
    ({"anonymous_may_pay": False}, PaymentNotAllowed),
]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """The use cases, where everything is allowed."""
    return Rig(tmp_path)


def tighten(rig: Rig, **rules: object) -> None:
    """Change the rules, as a restart with other settings does."""
    changed: Rules = replace(rig.context.rules, **rules)  # type: ignore[arg-type]
    rig.context = replace(rig.context, rules=changed)
    rig.keeper, rig.runner = rig.worker("two")


async def draft_of_one(rig: Rig) -> Job:
    draft = await create_draft(rig.context, ANNA, JobRequest())
    new = await rig.new_item("mug")
    ref = ItemRef(draft.id, 0)
    return await put_picture(rig.context, ANNA, ref, new.pictures[0], name=None)


@pytest.mark.parametrize(("rules", "refusal"), REFUSALS)
async def test_draft_from_before_does_not_start(
    rig: Rig, rules: dict[str, object], refusal: type[Image2ModelError]
) -> None:
    draft = await draft_of_one(rig)
    tighten(rig, **rules)
    with pytest.raises(refusal):
        await start_draft(rig.context, ANNA, draft.id)
    assert await rig.store.get_job(draft.id) == draft


@pytest.mark.parametrize(("rules", "refusal"), REFUSALS)
async def test_item_from_before_is_not_sent(
    rig: Rig, rules: dict[str, object], refusal: type[Image2ModelError]
) -> None:
    job = await rig.submit(ANNA, "mug")
    tighten(rig, **rules)
    await rig.run_dispatched()
    (item,) = (await rig.store.get_job(job.id)).items
    assert item.problem is not None
    assert (item.state, item.problem.code) == (ItemState.FAILED, refusal.code)
    assert (item.attempts, rig.provider.calls) == ((), [])
    with pytest.raises(refusal):
        await retry_items(rig.context, ANNA, job.id)
    with pytest.raises(refusal):
        await retry_items(rig.context, ANNA, job.id, [0])


@pytest.mark.parametrize(("rules", "refusal"), REFUSALS)
async def test_what_is_paid_for_is_fetched_all_the_same(
    rig: Rig, rules: dict[str, object], refusal: type[Image2ModelError]
) -> None:
    del refusal
    rig.provider.fail(
        "collect", "mug", [ProviderResultInvalid(provider="scripted", reason="no mesh")] * 99
    )
    job = await rig.submit(ANNA, "mug")
    await rig.run_on()
    (item,) = (await rig.store.get_job(job.id)).items
    assert item.state is ItemState.FAILED
    tighten(rig, **rules)
    rig.provider.forget_faults()
    await retry_items(rig.context, ANNA, job.id)
    await rig.run_on()
    (item,) = (await rig.store.get_job(job.id)).items
    assert item.state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 1


@pytest.mark.parametrize(("rules", "refusal"), REFUSALS)
async def test_decision_is_no_way_around(
    rig: Rig, rules: dict[str, object], refusal: type[Image2ModelError]
) -> None:
    lost = [SubmissionUncertain(provider="scripted", reason="its answer was lost")]
    rig.provider.fail("submit", "mug", lost)
    rig.provider.fail("reconcile", "mug", lost)
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    tighten(rig, **rules)
    ref = ItemRef(job.id, 0)
    assert (await rig.store.get_item(ref)).state is ItemState.UNCERTAIN
    with pytest.raises(refusal):
        await resolve_item(rig.context, ANNA, ref, Resolution.RESUBMIT)
    await resolve_item(rig.context, ANNA, ref, Resolution.GIVE_UP)


async def test_price_that_became_unknown_buys_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await rig.submit(ANNA, "mug")
    card = replace(rig.provider.cards()[0], price=Price(known=False))
    monkeypatch.setattr(type(rig.provider), "_card", card)
    await rig.run_dispatched()
    (item,) = (await rig.store.get_job(job.id)).items
    assert item.problem is not None
    assert (item.problem.code, rig.provider.accepted) == ("price_unknown", {})
    tighten(rig, unknown_price_usd=Decimal("0.75"))
    await retry_items(rig.context, ANNA, job.id)
    await rig.run_dispatched()
    (item,) = (await rig.store.get_job(job.id)).items
    (attempt,) = item.attempts
    assert attempt.submission.estimated_usd == Decimal("0.75")


async def test_limits_of_owners_hold_for_each(rig: Rig) -> None:
    tighten(rig, budget=Budget(owner=SpendingLimits(day_usd=Decimal("0.30"))))
    for owner in (ANNA, OwnerId("session:bert")):
        job = await rig.submit(owner, "mug", "cup")
        await rig.run_dispatched()
        done = await rig.store.get_job(job.id)
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED, ItemState.FAILED]
        problem = done.items[1].problem
        assert problem is not None
        assert problem.details["scope"] == "owner_day"
        assert problem.details["frees_at"] is not None


def unlisted(rig: Rig) -> GeneratorCard:
    """Describe a generator that its provider finds and does not list."""
    card = rig.provider.cards()[0]
    return replace(card, id=type(card.id)("scripted:any/thing"), price=Price(known=False))


@pytest.mark.parametrize(
    ("owner", "patterns", "allowed"),
    [
        (ANNA, None, False),
        (LOCAL_OWNER, None, True),
        (ANNA, ["scripted/*"], False),
        (LOCAL_OWNER, ["scripted/*"], False),
        (ANNA, ["scripted:any/thing"], True),
        (ANNA, ["local/*", "scripted:any/*"], True),
        (ANNA, ["*"], True),
    ],
)
async def test_who_may_use_what_is_not_listed(
    rig: Rig, owner: OwnerId, patterns: list[str] | None, *, allowed: bool
) -> None:
    tighten(rig, allowed_generators=patterns)
    buyer = await find_buyer(rig.context, owner)
    assert buyer.may_use(unlisted(rig)) is allowed


async def test_option_that_is_not_described_has_no_limit_for_guests(rig: Rig) -> None:
    tighten(rig, allowed_generators=["*"], unknown_price_usd=Decimal(1))
    wanted = Wanted(card=unlisted(rig), options={"quality": "low", "duration": 600})
    with pytest.raises(PriceUnknown) as caught:
        (await find_buyer(rig.context, ANNA)).check_purchase(wanted)
    assert caught.value.details["options"] == ["duration"]
    assert (await find_buyer(rig.context, LOCAL_OWNER)).check_purchase(wanted) == 1
    described = replace(wanted, options={"quality": "low"})
    assert (await find_buyer(rig.context, ANNA)).check_purchase(described) == 1


async def test_generator_that_is_not_allowed_cannot_be_named(rig: Rig) -> None:
    tighten(rig, allowed_generators=["local/*"])
    with pytest.raises(GeneratorNotAllowed, match="IMAGE2MODEL_ALLOWED_GENERATORS") as refused:
        await create_draft(rig.context, ANNA, JobRequest(generator=SCRIPTED))
    assert refused.value.details["of_key"] is None
    with pytest.raises(GeneratorNotAllowed):
        await rig.submit(ANNA, "mug")


async def test_limits_and_generators_of_an_api_key_hold(rig: Rig) -> None:
    """The lower of its own limits and those of every owner; what its job began with or not."""
    tighten(rig, budget=Budget(owner=SpendingLimits(day_usd=Decimal(9), job_usd=Decimal(1))))
    limits = SpendingLimits(day_usd=Decimal("0.30"), job_usd=Decimal(5))
    key = await create_api_key(rig.context, name="one", limits=limits)
    owner = (await identify_key(rig.context, key)).owner
    assert (await find_buyer(rig.context, owner)).budget.owner == SpendingLimits(
        day_usd=Decimal("0.30"), job_usd=Decimal(1)
    )
    job = await rig.submit(owner, "mug", "cup")
    await rig.run_dispatched()
    states = [item.state for item in (await rig.store.get_job(job.id)).items]
    assert states == [ItemState.SUCCEEDED, ItemState.FAILED]
    narrow = await create_api_key(rig.context, name="two", generators=["local/*"])
    with pytest.raises(GeneratorNotAllowed, match=r"Your API key .*, only local/\*\.") as refused:
        await rig.submit((await identify_key(rig.context, narrow)).owner, "mug")
    assert refused.value.details["of_key"] == ["local/*"]
