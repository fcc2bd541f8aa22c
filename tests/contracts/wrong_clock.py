"""What a worker with a wrong clock must not be able to do, where the database has its own."""

import time

import pytest

from tests.contracts.job_stores import RIVAL, make_job, open_job_store, refs, take


async def check_wrong_clock(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is ten minutes ahead neither steals leases nor makes up times."""
    async with open_job_store(url) as right, open_job_store(url) as wrong:
        job = await right.add_job(make_job(count=1))
        (ref,) = refs(job)
        claim = await take(right, ref, lease_s=30.0)
        late_s = time.time() + 600.0
        monkeypatch.setattr(time, "time", lambda: late_s)
        assert await wrong.due_items(limit=9) == []
        assert await wrong.claim_item(ref, worker=RIVAL, lease_s=30.0) is None
        await right.release_leases(claim.worker, [(ref, claim.fence)])
        await take(wrong, ref, worker=RIVAL, lease_s=30.0)
        later = await wrong.add_job(make_job(count=1))
        monkeypatch.undo()
        assert await right.claim_item(ref, worker=claim.worker, lease_s=30.0) is None
        assert 0.0 < (later.created_at - job.created_at).total_seconds() < 60.0
