"""Submissions: what each answer, and each missing one, means for the money."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from image2model.core.errors import (
    GeneratorRetired,
    Image2ModelError,
    InvalidViews,
    ProviderAccountBlocked,
    ProviderRejected,
    ProviderUnavailable,
    SubmissionUncertain,
)
from image2model.core.generator import GeneratorId, View
from image2model.testing.fal_simulator import FaultRule
from tests.providers.fal.rig import HELD, new_key, running, work

pytestmark = pytest.mark.anyio

PROCESSED = {"processed": True}
REFUSALS: Mapping[str, tuple[type[Image2ModelError], int]] = {
    # fault: what is raised, how many were accepted
    "unauthorized": (ProviderAccountBlocked, 0),
    "exhausted_balance": (ProviderAccountBlocked, 0),
    "retired": (GeneratorRetired, 0),
    "validation_list": (ProviderRejected, 0),
    "validation_text": (ProviderRejected, 0),
    "rate_limited": (ProviderUnavailable, 0),
    "reset_unread": (SubmissionUncertain, 0),
    "reset_before": (SubmissionUncertain, 0),
    "reset_after": (SubmissionUncertain, 1),
    "reset_midway": (SubmissionUncertain, 1),
    "hang_before": (SubmissionUncertain, 0),
    "hang_after": (SubmissionUncertain, 1),
    "cut_short": (SubmissionUncertain, 1),
    "server_error": (SubmissionUncertain, 0),
    "nginx_502": (SubmissionUncertain, 0),
    "unavailable": (SubmissionUncertain, 0),
    "redirect": (SubmissionUncertain, 0),
}


@pytest.mark.parametrize("action", REFUSALS)
async def test_an_answer_means_one_thing(tmp_path: Path, action: str) -> None:
    kind, accepted = REFUSALS[action]
    fault = FaultRule(on="submit", action=action, times=1)
    async with running(tmp_path, faults=[fault]) as rig:
        submission = await rig.provider.prepare(work())
        with pytest.raises(kind):
            await rig.provider.submit(submission, submit_key=new_key())
        assert rig.fal.ledger.calls["submit"] == 1
        assert sum(rig.paid) == accepted


@pytest.mark.parametrize("action", ["server_error", "nginx_502", "unavailable"])
async def test_a_lie_about_an_accepted_request_is_not_believed(tmp_path: Path, action: str) -> None:
    """What is answered with 5xx may have been accepted; it is found, not sent again."""
    fault = FaultRule(on="submit", action=action, times=1, options=PROCESSED)
    async with running(tmp_path, faults=[fault]) as rig:
        submission = await rig.provider.prepare(work())
        with pytest.raises(SubmissionUncertain):
            await rig.provider.submit(submission, submit_key=new_key())
        found = await rig.provider.reconcile(submission, submit_key=new_key())
        assert found is not None
        assert found.request_id in rig.fal.requests
        assert rig.paid == [1]


@pytest.mark.parametrize("action", ["bad_json", "unknown_fields", "wrong_type"])
async def test_an_odd_acceptance_is_one(tmp_path: Path, action: str) -> None:
    """The request's id is enough, wherever it stands."""
    fault = FaultRule(on="submit", action=action, times=1)
    async with running(tmp_path, faults=[fault]) as rig:
        task, handle = await rig.accepted()
        assert handle.request_id in rig.fal.requests
        await rig.follow(task, handle)
        assert rig.paid == [1]


async def test_refused_connections_are_safe(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        submission = await rig.provider.prepare(work())
        rig.fal.refuse_connections(for_s=5.0)
        # Another process: on a connection that is open already the request may have arrived.
        with pytest.raises(ProviderUnavailable):
            await rig.another().submit(submission, submit_key=new_key())
        assert rig.fal.ledger.calls["submit"] == 0


async def test_details_say_what_to_do(tmp_path: Path) -> None:
    faults = [
        FaultRule(
            on="submit",
            action="validation_list",
            nth=1,
            options={"type": "image_too_small", "ctx": {"min_width": 128, "min_height": 128}},
        ),
        FaultRule(on="submit", action="rate_limited", nth=2, options={"retry_after_s": 7}),
        FaultRule(on="submit", action="exhausted_balance", nth=3),
    ]
    async with running(tmp_path, faults=faults) as rig:
        submission = await rig.provider.prepare(work())
        with pytest.raises(ProviderRejected, match="too small, min width 128") as rejected:
            await rig.provider.submit(submission, submit_key=new_key())
        assert rejected.value.details["kind"] == "image_too_small"
        with pytest.raises(ProviderUnavailable) as busy:
            await rig.provider.submit(submission, submit_key=new_key())
        assert busy.value.retry_after_s == 7
        with pytest.raises(ProviderAccountBlocked, match=r"Exhausted balance.*Top up at"):
            await rig.provider.submit(submission, submit_key=new_key())


async def test_the_key_stays_with_fal(tmp_path: Path) -> None:
    """It goes along no redirect and no download, and is in nothing that is written down."""
    fault = FaultRule(
        on="submit", action="redirect", times=1, options={"status": 307, "to": "/cdn/files/a/b"}
    )
    async with running(tmp_path, faults=[fault]) as rig:
        submission = await rig.provider.prepare(work())
        with pytest.raises(SubmissionUncertain) as caught:
            await rig.provider.submit(submission, submit_key=new_key())
        await rig.run()
        assert rig.fal.ledger.violations == []
        assert rig.fal.key not in f"{caught.value!r} {submission!r} {rig.config!r} {rig.tools!r}"


async def test_every_submission_carries_its_limits(tmp_path: Path) -> None:
    async with running(tmp_path, start_limit_s=77.0, file_life_s=3600.0) as rig:
        await rig.accepted()
        [submit] = rig.fal.ledger.submits
        assert submit.headers["x-fal-request-timeout"] == "77"
        assert "3600" in submit.headers["x-fal-object-lifecycle-preference"]


async def test_without_a_key_nothing_is_uploaded(tmp_path: Path) -> None:
    async with running(tmp_path, key=None) as rig:
        with pytest.raises(ProviderAccountBlocked, match="FAL_KEY"):
            await rig.provider.prepare(work())
        assert rig.fal.ledger.calls.total() == 0


async def test_views_are_sent_by_name_or_in_order(tmp_path: Path) -> None:
    sides = [View.FRONT, View.LEFT, View.BACK]
    async with running(tmp_path, HELD) as rig:
        named = GeneratorId("fal/tripo-v2.5-multiview")
        listed = GeneratorId("fal/tripo-h3.1-multiview")
        a = await rig.provider.prepare(work(generator=named, views=sides))
        b = await rig.provider.prepare(work(generator=listed, views=sides))
        assert {"front_image_url", "left_image_url", "back_image_url"} <= set(a.data["input"])
        assert "right_image_url" not in a.data["input"]
        assert len(b.data["input"]["image_urls"]) == 3
        with pytest.raises(InvalidViews, match="without gaps"):
            await rig.provider.prepare(
                work(generator=listed, views=[View.FRONT, View.LEFT, View.RIGHT])
            )


async def test_any_endpoint_works_by_its_id(tmp_path: Path) -> None:
    """What the catalogue does not list takes any options, and its usual price is asked for."""
    unlisted = GeneratorId("fal:tripo3d/h3.1/image-to-3d")
    options: dict[str, Any] = {"texture": False, "anything": [1]}
    async with running(tmp_path) as rig:
        task = work(generator=unlisted, options=options)
        submission = await rig.provider.prepare(task)
        assert submission.endpoint == "tripo3d/h3.1/image-to-3d"
        assert submission.data["input"].keys() == {"texture", "anything", "image_url"}
        assert submission.estimated_usd > 0
        delivery = await rig.run(task)
        assert delivery.files[0].name == "model.glb"
        assert rig.provider.card(GeneratorId("fal:../etc/passwd")) is None
