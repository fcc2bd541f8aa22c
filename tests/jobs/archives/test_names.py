"""Whatever people call their pictures: every file of an archive can be unpacked everywhere."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from image2model.core.file_template import FileTemplate
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.states import ItemState, JobState
from image2model.core.text.names import same_file
from image2model.jobs.archives.check import faults_of_name
from image2model.jobs.archives.names import ArchiveNames

TEMPLATES = [
    "{name}.{ext}",
    "{name}_{generator}.{ext}",
    "{ext}/{name}.{ext}",
    "{name}/{name}/{name}/{name}/{name}.{ext}",
    "same.{ext}",
    "aux/{index}.{ext}",
]


def paths_of(names: list[str], template: str) -> list[str]:
    job_id = JobId("0" * 32)
    items = [
        Item(job=job_id, index=index, name=name, state=ItemState.SUCCEEDED)
        for index, name in enumerate(names)
    ]
    job = Job(
        id=job_id,
        owner=OwnerId("key:anna"),
        name="Shelf",
        state=JobState.FINISHED,
        generator=GeneratorId("local/puff"),
        options={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        items=items,
    )
    made = ArchiveNames(job, FileTemplate(template, field="template", folders=True))
    return [
        made.path(item, extension, kind=extension)
        for item in items
        for extension in ("glb", "obj.zip", "preview.webp")
    ]


@given(names=st.lists(st.text(max_size=100), max_size=6), template=st.sampled_from(TEMPLATES))
@example(names=["é", "e\u0301", "É", "E\u0301"], template="{name}.{ext}")
@example(names=["nul", "COM¹", "con .x", "lpt9.tar", "a.", " a", "CONIN$"], template="{name}.{ext}")
@example(names=["ǰ", "J̌", "ß", "SS", "ſs", "K", "k"], template="{name}.{ext}")
@example(names=["茶" * 200, "茶" * 201, "\U0001f3fa" * 90], template=TEMPLATES[3])
def test_names_work_everywhere_and_are_unique(names: list[str], template: str) -> None:
    paths = paths_of(names, template)
    for path in paths:
        assert list(faults_of_name(path)) == []
        assert path == unicodedata.normalize("NFC", path)
        assert len(path) <= 200
    assert len({same_file(path) for path in paths}) == len(paths)
    folders = {same_file(path.rpartition("/")[0]) for path in paths if "/" in path}
    assert not folders & {same_file(path) for path in paths}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Gänsekrug", "Gänsekrug.glb"),
        ("aux", "aux_.glb"),
        ("a/b:c", "a-b-c.glb"),
        ("...", "item-0.glb"),
    ],
)
def test_names_stay_what_they_are_as_far_as_they_can(name: str, path: str) -> None:
    assert paths_of([name], "{name}.{ext}")[0] == path
