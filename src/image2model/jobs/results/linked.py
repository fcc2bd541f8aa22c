"""Results of which only the provider has the files: what is known of them, and for how long."""

import contextlib
import dataclasses
from datetime import datetime
from hashlib import sha256

from image2model.core.errors import JobNotFound, ProviderResultInvalid, ResultExpired
from image2model.core.job import Item, Job, KeepPolicy, ResultFile
from image2model.core.states import AttemptState, JobState
from image2model.geometry.formats.detection import HEAD_BYTES, glb_length, mesh_format
from image2model.jobs.catalogue import provider_name
from image2model.jobs.context import Context
from image2model.jobs.provider_links import Offer, offer_of
from image2model.ports.provider import ProvidedFile


def offer_of_provided(file: ProvidedFile, *, provider: str) -> Offer:
    """Describe a file that has just been made and is offered under a URL."""
    assert file.url is not None
    return Offer(
        name=file.name, url=file.url, expires_at=file.expires_at, provider=provider, made_at=None
    )


def offer_of_result(job: Job, item: Item, file: ResultFile) -> Offer:
    """Describe a file of an item's result that only the provider has."""
    made = (a.finished_at for a in reversed(item.attempts) if a.state is AttemptState.SUCCEEDED)
    return offer_of(file, provider=provider_name(job.generator), made_at=next(made, None))


def link_file(file: ProvidedFile) -> ResultFile:
    """Remember where the provider has *file*, whatever is in it."""
    assert file.url is not None
    return ResultFile(
        name=file.name,
        role=file.role,
        format=file.name.rpartition(".")[2].lower(),
        provider_url=file.url,
        expires_at=file.expires_at,
    )


async def link_mesh(context: Context, file: ProvidedFile, *, provider: str) -> ResultFile:
    """
    Remember where the provider has a mesh, after a look at its first bytes.

    Raises:
        ProviderResultInvalid: It is none, or not all of it is there.
        FetchRefused, FetchBroken: It cannot be looked at.
    """
    kind, size_bytes = await _look_at_mesh(context, file, provider=provider)
    stem = file.name.rpartition(".")[0] or file.name
    return dataclasses.replace(
        link_file(file), name=f"{stem}.{kind}", format=kind, size_bytes=size_bytes
    )


async def _look_at_mesh(
    context: Context, file: ProvidedFile, *, provider: str
) -> tuple[str, int | None]:
    offer = offer_of_provided(file, provider=provider)
    head, digest, read_bytes = b"", sha256(), 0
    kind, fault = None, ""
    try:
        async with context.links.open(offer, limit_bytes=context.rules.result_bytes) as fetched:
            size_bytes = fetched.size_bytes
            async for chunk in fetched.chunks:
                digest.update(chunk)
                read_bytes += len(chunk)
                head = head if len(head) >= HEAD_BYTES else head + chunk
                if len(head) >= HEAD_BYTES and not fault:
                    kind, fault = _judge(head, size_bytes)
                    if not fault:
                        break
    except ResultExpired as error:
        raise gone(provider=provider) from error
    if len(head) < HEAD_BYTES:
        kind, fault = _judge(head, size_bytes)
    if kind is None or fault:
        # All of what is of no use was read, to know it again.
        is_whole = read_bytes == size_bytes
        sha = digest.hexdigest() if is_whole else None
        raise ProviderResultInvalid(provider=provider, reason=fault, sha256=sha)
    return kind, size_bytes


def _judge(head: bytes, size_bytes: int | None) -> tuple[str | None, str]:
    """Tell which kind of mesh *head* begins, or what is wrong with it."""
    kind = mesh_format(head[:HEAD_BYTES], size_bytes=size_bytes)
    if kind is None:
        return None, "the file is no 3D model"
    promised_bytes = glb_length(head)
    if None not in {promised_bytes, size_bytes} and promised_bytes != size_bytes:
        return kind, f"the model has {size_bytes} bytes instead of {promised_bytes}"
    return kind, ""


def gone(*, provider: str) -> ProviderResultInvalid:
    """Say that a provider does not have a mesh any more that it has made."""
    reason = "its file is not where it should be"
    return ProviderResultInvalid(provider=provider, reason=reason, cause="gone")


async def settle_life(context: Context, job: Job) -> None:
    """
    Let a finished job of the policy `links` end with the last of its URLs, if that is sooner.

    A job with a model whose URL has no known end, or that we keep, lives as long as its retention.

    Args:
        context: The ports.
        job: With or without its items; one that has not finished, or of another policy, is left.
    """
    if job.keep is not KeepPolicy.LINKS or job.state is not JobState.FINISHED or job.starred:
        return
    with contextlib.suppress(JobNotFound):  # It was deleted meanwhile.
        whole = await context.store.get_job(job.id)
        ends_at, due_at = last_end(whole), whole.due_to_expire_at
        if ends_at is not None and (due_at is None or ends_at < due_at):
            await context.store.set_expiry(job.id, ends_at)
            await context.announce(job.id)


def last_end(job: Job) -> datetime | None:
    """Tell when the last URL of a model of *job* ends; None: not known, or some model stays."""
    meshes = [item.mesh for item in job.items]
    ends = [mesh.expires_at if mesh.artifact is None else None for mesh in meshes if mesh]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None
