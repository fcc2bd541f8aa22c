"""Models' files are named after a template: safe, unique, and the same every time."""

from datetime import UTC, datetime

import pytest

from image2model.cli.outputs.names import NameTemplate
from image2model.core.errors import InvalidRequest
from image2model.core.file_template import DEFAULT_TEMPLATE
from image2model.wire.items import ItemOut, ItemProgress
from image2model.wire.jobs import Cost, Counts, JobOut, JobProgress

JOB = "0123456789abcdef0123456789abcdef"


def job_of(*names: str) -> JobOut:
    items = [
        ItemOut(
            index=index,
            name=name,
            state="queued",
            views=[],
            progress=ItemProgress(fraction=0, phase="", queue_position=None, eta_s=None),
            error=None,
            result=None,
            attempts=[],
        )
        for index, name in enumerate(names)
    ]
    return JobOut(
        id=JOB,
        name="job",
        state="running",
        generator="local/puff",
        options={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        started_at=None,
        finished_at=None,
        version=1,
        counts=Counts(),
        progress=JobProgress(fraction=0, eta_s=None),
        cost=Cost(estimated_usd=0, booked_usd=0, budget_usd=None),
        expires_at=None,
        starred=False,
        items=items,
    )


@pytest.mark.parametrize(
    ("template", "stem"),
    [
        (DEFAULT_TEMPLATE, "tea pot"),
        ("{name}_{generator}.{ext}", "tea pot_local-puff"),
        ("{index:03}-{name}.{ext}", "000-tea pot"),
        ("{job}.{ext}", JOB),
    ],
)
def test_fields_are_filled_in(template: str, stem: str) -> None:
    assert NameTemplate(template).stems(job_of("tea pot")) == {0: stem}


def test_equal_names_get_numbers_whatever_their_case() -> None:
    stems = NameTemplate("Model.{ext}").stems(job_of("a", "b", "c"))
    assert stems == {0: "Model", 1: "Model-2", 2: "Model-3"}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{colour}.{ext}", r"has no field '\{colour\}'; there are name, generator, index"),
        ("{name}", r"must end in '\.\{ext\}'"),
        (".{ext}", "must end in"),
        ("../{name}.{ext}", "cannot have /"),
        ("{name.__class__}.{ext}", "has no field"),
        ("{}.{ext}", "has no field"),
        ("{name.{ext}", "cannot be understood"),
        ("{index:q}.{ext}", "no width"),
        ("{name:999999999}.{ext}", "no width"),
        ("x" * 200 + ".{ext}", "more than 200"),
    ],
)
def test_what_would_not_make_file_names_is_refused(template: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        NameTemplate(template)
