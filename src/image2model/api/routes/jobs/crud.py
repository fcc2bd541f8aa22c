"""Routes about whole jobs."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from image2model.api.access.callers import CallerIn, OwnerIn, count_job
from image2model.api.dependencies import ContextIn, HubIn
from image2model.api.limits.watchers import while_connected
from image2model.api.requests.job_form import read_draft, read_job_form
from image2model.api.requests.params import (
    Cursor,
    IdempotencyKey,
    JobParam,
    JobsLimit,
    NamePart,
    StateParam,
)
from image2model.api.requests.raw_upload import promised_length
from image2model.api.responses.documented_errors import PICTURE, problems
from image2model.api.serializers.jobs import job_delta, job_out, job_url, listed_job
from image2model.core import errors
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId
from image2model.core.job import KeepPolicy
from image2model.core.states import JobState
from image2model.jobs.access import may_still_act, owned_job
from image2model.jobs.intake import submit
from image2model.jobs.intake.pictures import upload_place
from image2model.jobs.intake.quotas import room_for
from image2model.jobs.lifecycle import control, watch
from image2model.ports.jobstore import JobQuery
from image2model.wire.job_requests import JobPatch
from image2model.wire.jobs import JobDelta, JobList, JobOut

router = APIRouter(prefix="/jobs", tags=["jobs"])

_LONGEST_WAIT_S = 60.0
_NEVER_REACHED = 2**53
"""The largest version that JSON readers keep exactly; no job comes near it."""

_Version = Annotated[
    int | None,
    Query(
        ge=0,
        le=_NEVER_REACHED,
        description="The version you know: only the items touched since are sent.",
        examples=[17],
    ),
]


@router.post(
    "",
    dependencies=[Depends(count_job)],
    operation_id="createJob",
    summary="Make a job of pictures, or an empty draft",
    status_code=202,
    response_description="The job, on its way; `Location` says where it is.",
    responses=problems(
        *PICTURE,
        errors.NoPictures,
        errors.TooManyItems,
        errors.GeneratorNotFound,
        errors.GeneratorNotAllowed,
        errors.PriceUnknown,
        errors.PaymentNotAllowed,
        errors.InvalidOptions,
        errors.FormatUnsupported,
        errors.InvalidRequest,
        errors.InvalidViews,
        errors.InvalidSheet,
        errors.IdempotencyKeyReused,
        errors.AlreadyRunning,
        errors.TooManyJobs,
        errors.QuotaExceeded,
        errors.TooManyWebhooks,
        errors.TooManyRequests,
        changes=True,
    ),
)
async def create_job(
    *,
    request: Request,
    response: Response,
    context: ContextIn,
    caller: CallerIn,
    idempotency_key: IdempotencyKey = None,
    draft: Annotated[
        bool, Query(description="Make an empty draft of a JSON body.", examples=[False])
    ] = False,
) -> JobOut:
    """
    Make a job of files, or, with `draft=true`, an empty draft of a JSON body.

    Of a form, fields and files may come in any order. Every part that has a file name is a
    picture: an item of its own, unless `views` says which belong together. Send `views` before
    the files if there are more of them than a job may have items. Pictures are checked while the
    next ones come; one that cannot be used makes its item `failed` and the others go on.
    """
    owner, key = caller.maker(idempotency_key), idempotency_key
    # What is measured for the first check is known to the later ones.
    async with room_for(context, owner, idempotency_key=key) as room:
        await submit.check_new_job(context, owner, idempotency_key=key)
        if draft:
            wanted = await read_draft(request, idempotency_key=key, caller=caller)
            async with caller.making(owner, response):
                job = await submit.create_draft(context, owner, wanted)
            response.status_code = 201
        else:
            await room.expect(promised_length(request) or 0)
            async with upload_place(context):
                wanted, items = await read_job_form(
                    context, request, room, idempotency_key=key, caller=caller
                )
            async with caller.making(owner, response):
                job = await submit.submit_job(context, owner, wanted, items)
    response.headers["Location"] = job_url(job.id)
    return job_out(context, job)


@router.get(
    "",
    operation_id="listJobs",
    summary="List your jobs",
    response_description="One page of jobs.",
    responses=problems(),
)
async def list_jobs(
    *,
    context: ContextIn,
    owner: OwnerIn,
    q: NamePart = "",
    state: StateParam = None,
    starred: Annotated[
        bool | None, Query(description="Only starred jobs, or only others.", examples=[True])
    ] = None,
    cursor: Cursor = None,
    limit: JobsLimit = 20,
) -> JobList:
    """Return your jobs, newest first, without their items."""
    query = JobQuery(
        owner=owner,
        text=q,
        state=JobState(state) if state else None,
        starred=starred,
        after=cursor,
        limit=limit,
    )
    page = await watch.list_jobs(context, query)
    return JobList(jobs=[listed_job(context, job) for job in page.jobs], next=page.next)


@router.get(
    "/{job}",
    operation_id="getJob",
    summary="Read a job, or wait for news of it",
    response_description="The job, or what is new of it.",
    responses=problems(errors.JobNotFound, errors.TooManyRequests),
)
async def get_job(
    *,
    job: JobParam,
    context: ContextIn,
    caller: CallerIn,
    hub: HubIn,
    after_version: _Version = None,
    wait_s: Annotated[
        float,
        Query(
            ge=0,
            description="With `after_version`: how long to wait for something newer, in seconds; "
            "more than 60 counts as 60.",
            examples=[30],
        ),
    ] = 0.0,
) -> JobOut | JobDelta:
    """
    Return a job with its items; with `after_version`, news of it (a long poll).

    The answer then comes as soon as the job's version is beyond the one you know, or after
    `wait_s`, and has only the items touched since. While the job is a draft it has all of them.
    """
    job_id = JobId(job)
    if after_version is None:
        return job_out(context, await owned_job(context, caller.owner, job_id))
    wait_s = min(wait_s, _LONGEST_WAIT_S)
    with caller.parts.watchers.one_more(caller.counted_as):
        found = await while_connected(
            caller.request,
            hub.wait(caller.owner, job_id, after=after_version, wait_s=wait_s),
        )
    if not await may_still_act(context, caller.owner):
        raise errors.NotAuthenticated
    return job_delta(context, found, after=after_version)


@router.patch(
    "/{job}",
    operation_id="updateJob",
    summary="Rename or star a job; change what a draft is made with",
    response_description="The job as changed.",
    responses=problems(
        errors.JobNotFound,
        errors.WrongState,
        errors.GeneratorNotFound,
        errors.GeneratorNotAllowed,
        errors.InvalidOptions,
        errors.FormatUnsupported,
        errors.InvalidRequest,
        errors.ResultExpired,
        errors.FetchRefused,
        errors.FetchBroken,
        errors.ProviderResultInvalid,
        errors.StorageFull,
        errors.StorageUnavailable,
        errors.ComputeCrashed,
        errors.ComputeTimedOut,
        changes=True,
    ),
)
async def update_job(job: JobParam, patch: JobPatch, context: ContextIn, owner: OwnerIn) -> JobOut:
    """
    Change what is given and leave the rest.

    A star keeps a job beyond its retention. Results of the policy `links` are copied first. The
    budget of a started job may be changed too; what was left for want of it is made by a retry.
    """
    job_id = JobId(job)
    change = _draft_change(patch)
    is_budget_alone = change == submit.DraftChange(budget_usd=change.budget_usd)
    if change.budget_usd is not None and is_budget_alone:
        await control.set_budget(context, owner, job_id, change.budget_usd)
    elif change != submit.DraftChange():
        await submit.change_draft(context, owner, job_id, change)
    changed = await control.update_job(
        context, owner, job_id, name=patch.name, starred=patch.starred
    )
    return job_out(context, changed)


def _draft_change(patch: JobPatch) -> submit.DraftChange:
    budget_usd = patch.budget_usd
    return submit.DraftChange(
        generator=GeneratorId(patch.generator) if patch.generator else None,
        options=patch.options,
        keep=KeepPolicy(patch.keep) if patch.keep else None,
        budget_usd=None if budget_usd is None else Decimal(str(budget_usd)),
        formats=patch.formats,
        adjust=None if patch.adjust is None else patch.adjust.asked(),
    )


@router.delete(
    "/{job}",
    operation_id="deleteJob",
    summary="Delete a job with its pictures and results",
    response_description="It is gone.",
    status_code=204,
    response_class=Response,
    responses=problems(errors.JobNotFound, changes=True),
)
async def delete_job(job: JobParam, context: ContextIn, owner: OwnerIn) -> None:
    """Delete a job for good; work on it stops."""
    await control.delete_job(context, owner, JobId(job))
