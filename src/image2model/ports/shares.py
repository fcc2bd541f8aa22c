"""Port: who may see what of somebody else: links that their owner has shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from image2model.core.ids import JobId, OwnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLink:
    """
    What is kept of a link: never its token.

    Attributes:
        id: Its name for its owner, 16 hex digits.
        token_sha256: Of the token that opens it, hex.
        owner: Who shared it.
        job: What it shows.
        item: The only item it shows, by index; None: all of the job.
        pictures: Whether it also shows the pictures that the models were made of.
        note: What the owner calls it.
        created_at: When it was made.
        expires_at: When it stops working.
    """

    id: str
    token_sha256: str
    owner: OwnerId
    job: JobId
    item: int | None
    pictures: bool
    note: str
    created_at: datetime
    expires_at: datetime


class ShareStore(Protocol):
    """Knows shared links by the hash of their token."""

    async def add_link(self, link: SharedLink) -> None:
        """
        Remember *link*.

        Raises:
            JobNotFound: Its job is not there (any more), where the store can tell.
        """
        ...

    async def find_link(self, token_sha256: str) -> SharedLink | None:
        """Find a link that works; None: unknown, revoked or expired."""
        ...

    async def list_links(self, job: JobId) -> Sequence[SharedLink]:
        """List the working links to *job*, newest first."""
        ...

    async def remove_link(self, job: JobId, link_id: str) -> bool:
        """Stop a link to *job* from working. Returns False where there is no such link."""
        ...

    async def remove_expired_links(self) -> int:
        """Forget links that have expired. Returns how many."""
        ...
