"""Routes with which an owner shares a job, or one model of it, and takes that back."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import JobParam
from image2model.api.responses.documented_errors import problems
from image2model.api.serializers.jobs import shared_url
from image2model.core import errors
from image2model.core.ids import JobId
from image2model.jobs.lifecycle.sharing import list_shared_links, revoke_shared_link, share_job
from image2model.ports.shares import SharedLink
from image2model.wire.shares import NewShareOut, ShareIn, ShareOut, SharesOut

router = APIRouter(prefix="/jobs/{job}/shares", tags=["shares"])


@router.post(
    "",
    operation_id="shareJob",
    summary="Share a job, or one model of it, by a link",
    response_description="The link, with its token.",
    status_code=201,
    responses=problems(errors.JobNotFound, errors.ItemNotFound, changes=True),
)
async def share(
    *,
    given: Annotated[ShareIn, Body(default_factory=ShareIn)],
    job: JobParam,
    context: ContextIn,
    owner: OwnerIn,
) -> NewShareOut:
    """
    Make a link through which whoever has it may look and download, and nothing else.

    Without a body it shows all of the job, and works for thirty days.

    It shows names, models and what is known of them; not what they cost, how they were ordered, or
    what else you have. Revoke it at any time; it ends with the job.
    """
    token, link = await share_job(
        context,
        owner,
        JobId(job),
        life=timedelta(seconds=given.expires_in_s),
        item=given.item,
        pictures=given.pictures,
        note=given.note,
    )
    return NewShareOut(**dict(_share_out(link)), token=token, url=shared_url(token))


@router.get(
    "",
    operation_id="listShares",
    summary="List the links to a job",
    response_description="The links that work.",
    responses=problems(errors.JobNotFound),
)
async def list_shares(job: JobParam, context: ContextIn, owner: OwnerIn) -> SharesOut:
    """Return the links that work, newest first, without their tokens."""
    links = await list_shared_links(context, owner, JobId(job))
    return SharesOut(shares=[_share_out(link) for link in links])


@router.delete(
    "/{share}",
    operation_id="revokeShare",
    summary="Revoke a link to a job",
    response_description="The link works no more.",
    status_code=204,
    response_class=Response,
    responses=problems(errors.JobNotFound, errors.SharedLinkNotFound, changes=True),
)
async def revoke(
    *,
    job: JobParam,
    share: Annotated[str, Path(description="The link's `id`.", examples=["5d0c1a7e93b2f846"])],
    context: ContextIn,
    owner: OwnerIn,
) -> Response:
    """Stop a link from working, at once and for ever."""
    await revoke_shared_link(context, owner, JobId(job), share)
    return Response(status_code=204)


def _share_out(link: SharedLink) -> ShareOut:
    return ShareOut(
        id=link.id,
        job=link.job,
        item=link.item,
        pictures=link.pictures,
        note=link.note,
        created_at=link.created_at,
        expires_at=link.expires_at,
    )
