"""A `ShareStore` over SQL."""

from collections.abc import Sequence

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Database, Transaction
from image2model.backends.sql.rows import Row, from_seconds, to_seconds
from image2model.backends.sql.tables import shared_links
from image2model.core.errors import JobNotFound
from image2model.core.ids import JobId, OwnerId
from image2model.ports.shares import SharedLink


class SqlShareStore:
    """A `ShareStore` over *database*, which somebody else closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_link(self, link: SharedLink) -> None:
        """Remember a link."""
        try:
            await self._database.write(_add, link)
        except sa.exc.IntegrityError as error:
            raise JobNotFound(job=link.job) from error

    async def find_link(self, token_sha256: str) -> SharedLink | None:
        """Find a link that works."""
        found = await self._database.read(_read, shared_links.c.token_sha256 == token_sha256)
        return found[0] if found else None

    async def list_links(self, job: JobId) -> Sequence[SharedLink]:
        """List the working links to a job, newest first."""
        return await self._database.read(_read, shared_links.c.job_id == job)

    async def remove_link(self, job: JobId, link_id: str) -> bool:
        """Stop a link from working."""
        return await self._database.write(_remove, job, link_id)

    async def remove_expired_links(self) -> int:
        """Forget links that have expired."""
        return await self._database.write(_remove_expired)


def _add(tx: Transaction, link: SharedLink) -> None:
    values = {
        "id": link.id,
        "token_sha256": link.token_sha256,
        "owner": link.owner,
        "job_id": link.job,
        "item": link.item,
        "pictures": link.pictures,
        "note": link.note,
        "created_at": to_seconds(link.created_at),
        "expires_at": to_seconds(link.expires_at),
    }
    tx.run(sa.insert(shared_links), values)


def _read(tx: Transaction, which: sa.ColumnElement[bool]) -> list[SharedLink]:
    newest_first = (shared_links.c.created_at.desc(), shared_links.c.id.desc())
    works = shared_links.c.expires_at > tx.now_s
    rows = tx.run(sa.select(shared_links).where(which, works).order_by(*newest_first))
    return [_link_of(row) for row in rows]


def _remove(tx: Transaction, job: JobId, link_id: str) -> bool:
    works = shared_links.c.expires_at > tx.now_s
    which = (shared_links.c.job_id == job, shared_links.c.id == link_id, works)
    return tx.run(sa.delete(shared_links).where(*which)).rowcount == 1


def _remove_expired(tx: Transaction) -> int:
    return tx.run(sa.delete(shared_links).where(shared_links.c.expires_at <= tx.now_s)).rowcount


def _link_of(row: Row) -> SharedLink:
    return SharedLink(
        id=row.id,
        token_sha256=row.token_sha256,
        owner=OwnerId(row.owner),
        job=JobId(row.job_id),
        item=row.item,
        pictures=row.pictures,
        note=row.note,
        created_at=from_seconds(row.created_at),
        expires_at=from_seconds(row.expires_at),
    )
