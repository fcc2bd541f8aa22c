"""What every `AuditLog` promises."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from image2model.core.audit import Actor, AuditAction, AuditEntry
from image2model.core.errors import InvalidRequest
from image2model.ports.audit import AuditLog, AuditQuery
from tests.contracts.job_stores import open_audit_log

pytestmark = pytest.mark.anyio

BEGIN = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ANNA = Actor(name="key:0badcafe", address="203.0.113.7")
BERT = Actor(name="cli:bert")


@pytest.fixture
async def audit_log(any_store_url: str) -> AsyncIterator[AuditLog]:
    async with open_audit_log(any_store_url) as log:
        yield log


@pytest.fixture
async def entries(audit_log: AuditLog) -> list[AuditEntry]:
    """Seven entries of the log, newest first; two are of the same moment."""
    made = [
        AuditEntry(
            id=f"{number:032x}",
            at=BEGIN + timedelta(seconds=number - number % 2),
            actor=BERT if number % 3 else ANNA,
            action=AuditAction.KEY_MADE if number % 2 else AuditAction.SPENDING_STOPPED,
            details={"reason": "zu teuer", "usd": 2.5, "list": [number, None, True]},
        )
        for number in range(7)
    ]
    for entry in made:
        await audit_log.add_entry(entry)
    return made[::-1]


async def test_entries_are_listed_as_they_were_added_page_by_page(
    audit_log: AuditLog, entries: list[AuditEntry]
) -> None:
    found: list[AuditEntry] = []
    after: str | None = None
    for _ in range(4):
        page = await audit_log.list_entries(AuditQuery(limit=2, after=after))
        found += page.entries
        after = page.next
    assert found == entries
    assert after is None
    with pytest.raises(InvalidRequest):
        await audit_log.list_entries(AuditQuery(after="nowhere"))


async def test_entries_are_found_by_what_who_and_when(
    audit_log: AuditLog, entries: list[AuditEntry]
) -> None:
    for query in (
        AuditQuery(action=AuditAction.KEY_MADE),
        AuditQuery(actor=ANNA.name),
        AuditQuery(since=BEGIN + timedelta(seconds=2), until=BEGIN + timedelta(seconds=6)),
        AuditQuery(action=AuditAction.KEY_MADE, actor=BERT.name, until=BEGIN),
    ):
        expected = [entry for entry in entries if query.asks_for(entry)]
        page = await audit_log.list_entries(query)
        assert (list(page.entries), page.next) == (expected, None)


async def test_only_what_is_old_is_forgotten(
    audit_log: AuditLog, entries: list[AuditEntry]
) -> None:
    moment = BEGIN + timedelta(seconds=4)
    assert await audit_log.remove_before(moment) == 4
    assert await audit_log.remove_before(moment) == 0
    assert list((await audit_log.list_entries(AuditQuery())).entries) == entries[:3]
