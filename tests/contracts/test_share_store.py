"""What every `ShareStore` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from image2model.core.ids import JobId, OwnerId
from image2model.ports.jobstore import JobStore
from image2model.ports.shares import SharedLink, ShareStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import make_job, open_share_store

pytestmark = pytest.mark.anyio

OWNER = OwnerId("session:1")
TOKEN, OTHER_TOKEN = "ab" * 32, "cd" * 32


@pytest.fixture
async def share_store(any_store_url: str, store_clock: FakeClock) -> AsyncIterator[ShareStore]:
    async with open_share_store(any_store_url, clock=store_clock) as store:
        yield store


@pytest.fixture
async def link(job_store: JobStore, store_clock: FakeClock) -> SharedLink:
    """A link, not yet added, to a job that is there."""
    job = await job_store.add_job(make_job(count=1))
    return SharedLink(
        id="0badcafe0badcafe",
        token_sha256=TOKEN,
        owner=OWNER,
        job=job.id,
        item=0,
        pictures=True,
        note="Für den Drucker",
        created_at=store_clock.now(),
        expires_at=store_clock.now() + timedelta(seconds=60),
    )


async def test_a_link_is_found_by_its_token_until_it_expires(
    share_store: ShareStore, link: SharedLink, store_clock: FakeClock
) -> None:
    await share_store.add_link(link)
    assert await share_store.find_link(TOKEN) == link
    assert await share_store.find_link(OTHER_TOKEN) is None
    await store_clock.advance(59)
    assert await share_store.find_link(TOKEN) == link
    await store_clock.advance(1)
    assert await share_store.find_link(TOKEN) is None
    assert await share_store.list_links(link.job) == []


async def test_links_are_listed_by_job_newest_first(
    share_store: ShareStore, link: SharedLink
) -> None:
    later = replace(
        link,
        id="1badcafe1badcafe",
        token_sha256=OTHER_TOKEN,
        item=None,
        created_at=link.created_at + timedelta(seconds=1),
    )
    for one in (link, later):
        await share_store.add_link(one)
    assert list(await share_store.list_links(link.job)) == [later, link]
    assert await share_store.list_links(JobId("f" * 32)) == []


async def test_a_link_is_revoked_by_its_name_for_its_owner(
    share_store: ShareStore, link: SharedLink
) -> None:
    await share_store.add_link(link)
    assert not await share_store.remove_link(JobId("f" * 32), link.id)
    assert not await share_store.remove_link(link.job, "f" * 16)
    assert await share_store.find_link(TOKEN) == link
    assert await share_store.remove_link(link.job, link.id)
    assert await share_store.find_link(TOKEN) is None
    assert not await share_store.remove_link(link.job, link.id)


async def test_only_expired_links_are_forgotten(
    share_store: ShareStore, link: SharedLink, store_clock: FakeClock
) -> None:
    longer = replace(
        link,
        id="1badcafe1badcafe",
        token_sha256=OTHER_TOKEN,
        expires_at=link.expires_at + timedelta(seconds=60),
    )
    for one in (link, longer):
        await share_store.add_link(one)
    assert await share_store.remove_expired_links() == 0
    await store_clock.advance(61)
    assert await share_store.remove_expired_links() == 1
    assert await share_store.remove_expired_links() == 0
    assert await share_store.find_link(OTHER_TOKEN) == longer
