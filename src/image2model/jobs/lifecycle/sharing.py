"""Let others see a job, or one model of it, by a link that its owner can take back."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from image2model.core.audit import AuditAction
from image2model.core.errors import (
    InvalidRequest,
    ItemNotFound,
    JobNotFound,
    SharedLinkNotFound,
)
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job
from image2model.core.text.names import clean_name
from image2model.core.values.hashing import hash_of_text
from image2model.jobs.access import may_still_act, owned_item, owned_job
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef
from image2model.ports.shares import SharedLink

LONGEST_LIFE = timedelta(days=366)
LINKS_PER_JOB = 100

_TOKEN_PREFIX = "i2s_"  # noqa: S105 - says what it is, and opens nothing


async def share_job(
    context: Context,
    owner: OwnerId,
    job: JobId,
    *,
    life: timedelta,
    item: int | None = None,
    pictures: bool = False,
    note: str = "",
) -> tuple[str, SharedLink]:
    """
    Make a link through which whoever has it may look and download, and nothing else.

    Args:
        context: The ports.
        owner: Who shares.
        job: What to share.
        life: How long the link works, up to `LONGEST_LIFE`.
        item: The only item to show; None: all of the job.
        pictures: Whether to show the pictures that the models were made of.
        note: What the owner calls it.

    Returns:
        The token, which cannot be shown again (only its hash is kept), and what is kept.

    Raises:
        JobNotFound, ItemNotFound: There is nothing of this owner's to share.
        InvalidRequest: The job has `LINKS_PER_JOB` links already.
    """
    if item is None:
        await owned_job(context, owner, job)
    else:
        await owned_item(context, owner, ItemRef(job, item))
    if len(await context.shares.list_links(job)) >= LINKS_PER_JOB:
        raise InvalidRequest(
            field="job", reason=f"has {LINKS_PER_JOB} shared links; revoke one of them first."
        )
    token = f"{_TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
    now = context.clock.now()
    link = SharedLink(
        id=secrets.token_hex(8),
        token_sha256=hash_of_text(token),
        owner=owner,
        job=job,
        item=item,
        pictures=pictures,
        note=clean_name(note, fallback=""),
        created_at=now,
        expires_at=now + min(life, LONGEST_LIFE),
    )
    await context.shares.add_link(link)
    await audit(
        context,
        AuditAction.SHARE_MADE,
        share=link.id,
        job=job,
        item=item,
        pictures=pictures,
        expires_at=link.expires_at.isoformat(),
    )
    return token, link


async def list_shared_links(context: Context, owner: OwnerId, job: JobId) -> Sequence[SharedLink]:
    """
    List the working links to a job, newest first.

    Raises:
        JobNotFound: The owner has no such job.
    """
    await owned_job(context, owner, job)
    return await context.shares.list_links(job)


async def revoke_shared_link(context: Context, owner: OwnerId, job: JobId, link_id: str) -> None:
    """
    Stop a link from working, at once and for ever.

    Raises:
        JobNotFound: The owner has no such job.
        SharedLinkNotFound: The job has no such link (any more).
    """
    await owned_job(context, owner, job)
    if not await context.shares.remove_link(job, link_id):
        raise SharedLinkNotFound
    await audit(context, AuditAction.SHARE_REVOKED, share=link_id, job=job)


async def open_shared_link(context: Context, token: str) -> tuple[SharedLink, Job]:
    """
    Find what *token* lets its holder see.

    Returns:
        The link, and its job with only what may be seen: no budget or attempts, no other item than
        the one shared, and pictures only if they are shared too.

    Raises:
        SharedLinkNotFound: It never was, is revoked or has expired, its job is gone, or it was
            made with a key that works no more.
    """
    link = await _working_link(context, token)
    try:
        job = await owned_job(context, link.owner, link.job)
    except JobNotFound:
        raise SharedLinkNotFound from None
    items = [
        replace(item, attempts=(), pictures=item.pictures if link.pictures else ())
        for item in job.items
        if link.item in {None, item.index}
    ]
    if not items:
        raise SharedLinkNotFound
    return link, replace(job, items=items, budget_usd=None)


async def shared_item(context: Context, token: str, index: int) -> tuple[SharedLink, ItemRef]:
    """
    Find an item that *token* lets its holder see.

    Raises:
        SharedLinkNotFound: As for `open_shared_link`.
        ItemNotFound: The link does not show such an item.
    """
    link = await _working_link(context, token)
    if link.item not in {None, index}:
        raise ItemNotFound(job=link.job, index=index)
    ref = ItemRef(link.job, index)
    try:
        await context.store.get_item(ref)
    except JobNotFound:
        raise SharedLinkNotFound from None
    except ItemNotFound:
        if link.item is None:
            raise
        raise SharedLinkNotFound from None
    return link, ref


async def _working_link(context: Context, token: str) -> SharedLink:
    link = await context.shares.find_link(hash_of_text(token))
    if link is None or not await may_still_act(context, link.owner):
        raise SharedLinkNotFound
    return link
