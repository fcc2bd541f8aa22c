"""What is over is removed, and nothing else."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from image2model.backends.folder.artifacts import FolderArtifactStore
from image2model.core.errors import JobNotFound
from image2model.core.ids import ArtifactId, JobId, OwnerId, new_hex_id
from image2model.core.job import KeepPolicy
from image2model.jobs.intake.submit import JobRequest, create_draft
from image2model.jobs.lifecycle.control import delete_job, update_job
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.ports.shares import SharedLink
from tests.harness.rig import Rig, once

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
DAY_S = timedelta(days=1).total_seconds()


async def kept(rig: Rig) -> int:
    return len([stored async for stored in rig.artifacts.all()])


async def test_kept_results_stay_for_ever(rig: Rig) -> None:
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    assert (await rig.store.get_job(job.id)).expires_at is None
    await rig.clock.advance(1_000 * DAY_S)
    await Housekeeper(rig.context).tidy()
    assert (await rig.store.get_job(job.id)).items[0].mesh is not None
    assert await kept(rig) == 3


async def test_links_end_after_a_day(rig: Rig) -> None:
    """Jobs of which only links are known go with everything they had; starred ones stay."""
    links = JobRequest(keep=KeepPolicy.LINKS)
    job = await rig.submit(ANNA, "mug", request=links)
    starred = await rig.submit(ANNA, "vase", request=links)
    await rig.run_dispatched()
    await update_job(rig.context, ANNA, starred.id, starred=True)
    ends_at = (await rig.store.get_job(job.id)).expires_at
    assert ends_at == rig.clock.now() + timedelta(days=1)
    assert (await rig.store.get_job(starred.id)).expires_at is None
    await rig.clock.advance(DAY_S + 1)
    assert await Housekeeper(rig.context).expire_jobs() == 1
    with pytest.raises(JobNotFound):
        await rig.store.get_job(job.id)
    assert (await rig.store.get_job(starred.id)).items[0].mesh is not None


async def test_a_job_that_is_starred_at_the_last_moment_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others that have expired, listed with it, are removed."""
    links = JobRequest(keep=KeepPolicy.LINKS)
    job = await rig.submit(ANNA, "mug", request=links)
    other = await rig.submit(ANNA, "vase", request=links)
    await rig.run_dispatched()
    await rig.clock.advance(DAY_S + 1)
    list_expired = rig.store.expired_jobs

    async def then_star(
        *, draft_life_s: float, empty_draft_life_s: float, limit: int
    ) -> Sequence[JobId]:
        expired = await list_expired(
            draft_life_s=draft_life_s, empty_draft_life_s=empty_draft_life_s, limit=limit
        )
        assert set(expired) == {job.id, other.id}
        await update_job(rig.context, ANNA, job.id, starred=True)
        return expired

    monkeypatch.setattr(rig.store, "expired_jobs", then_star)
    assert await Housekeeper(rig.context).expire_jobs() == 1
    assert (await rig.store.get_job(job.id)).items[0].mesh is not None
    with pytest.raises(JobNotFound):
        await rig.store.get_job(other.id)


async def test_an_unfinished_job_never_expires(rig: Rig) -> None:
    await rig.submit(ANNA, "mug", request=JobRequest(keep=KeepPolicy.LINKS))
    await rig.clock.advance(10 * DAY_S)
    assert await Housekeeper(rig.context).expire_jobs() == 0


async def test_forgotten_drafts_go(rig: Rig) -> None:
    await create_draft(rig.context, ANNA, JobRequest())
    await rig.clock.advance(rig.context.rules.draft_s + 1)
    assert await Housekeeper(rig.context).expire_jobs() == 1


async def test_shared_links_go_when_they_have_expired(rig: Rig) -> None:
    job = await rig.submit(ANNA, "mug")
    tokens = ["ab" * 32, "cd" * 32]
    for number, token in enumerate(tokens):
        link = SharedLink(
            id=f"{number:016x}",
            token_sha256=token,
            owner=ANNA,
            job=job.id,
            item=None,
            pictures=False,
            note="",
            created_at=rig.clock.now(),
            expires_at=rig.clock.now() + timedelta(hours=1 + number),
        )
        await rig.context.shares.add_link(link)
    await rig.clock.advance(3_601)
    await Housekeeper(rig.context).tidy()
    assert await rig.context.shares.remove_expired_links() == 0, "it was removed"
    assert await rig.context.shares.find_link(tokens[1]) is not None
    await rig.clock.advance(3_600)
    assert await rig.context.shares.remove_expired_links() == 1, "the other was not"


async def test_files_that_nothing_names_go_after_a_day(rig: Rig) -> None:
    await rig.submit(ANNA, "mug")
    await rig.artifacts.put(ArtifactId(new_hex_id()), once(b"lost"), limit_bytes=10)
    assert await Housekeeper(rig.context).remove_orphans() == 0
    await rig.clock.advance(DAY_S + 1)
    assert await Housekeeper(rig.context).remove_orphans() == 1
    assert await kept(rig) == 1


async def test_deleting_a_job_deletes_its_files(rig: Rig) -> None:
    """Files that another job took over stay until that one goes too."""
    first = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    second = await rig.submit(ANNA, "mug", request=JobRequest(reuse=True))
    await delete_job(rig.context, ANNA, first.id)
    assert await kept(rig) == 3
    await delete_job(rig.context, ANNA, second.id)
    assert await kept(rig) == 0


async def test_rules_say_how_long_results_are_kept(rig: Rig) -> None:
    context = replace(rig.context, rules=replace(rig.context.rules, keep_s=60.0))
    rig.context = context
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    assert (await rig.store.get_job(job.id)).expires_at == rig.clock.now() + timedelta(seconds=60)


async def test_what_killed_uploads_left_is_removed(rig: Rig, tmp_path: Path) -> None:
    """From where uploads come in, and from the store's own folder; not what is still written."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    store = FolderArtifactStore(folder)
    rig = rig.with_artifacts(store)
    files = [
        place / f"{new_hex_id()}{age}.part"
        for place in (rig.context.rules.incoming, folder / "incoming")
        for age in (".old", ".clean.old", ".new")
    ]
    await store.put(ArtifactId(new_hex_id()), once(b"whole"), limit_bytes=9)
    for file in files:
        file.write_bytes(b"half")
        if "old" in file.name:
            os.utime(file, (0, 0))
    await Housekeeper(rig.context).tidy()
    assert [file for file in files if file.exists()] == [files[2], files[5]]
