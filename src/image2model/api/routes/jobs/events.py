"""The route that streams what happens to a job."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from image2model.api.access.callers import OwnerIn, count_watcher
from image2model.api.dependencies import ContextIn, HubIn
from image2model.api.events.sse import EventStream
from image2model.api.limits.watchers import while_allowed
from image2model.api.requests.params import JobParam
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.core.ids import JobId
from image2model.jobs.access import owned_job

router = APIRouter(prefix="/jobs/{job}", tags=["jobs"])


@router.get(
    "/events",
    operation_id="watchJob",
    summary="Watch a job as it happens",
    status_code=200,
    response_class=EventStream,
    response_description="The stream.",
    responses=problems(errors.JobNotFound, errors.TooManyRequests),
    dependencies=[Depends(count_watcher)],
)
async def watch_job(
    *,
    job: JobParam,
    context: ContextIn,
    owner: OwnerIn,
    hub: HubIn,
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=20,
            description="The version you know; browsers send it when they connect again.",
            examples=["17"],
        ),
    ] = None,
    resume: Annotated[
        str | None,
        Query(
            alias="last_event_id",
            max_length=20,
            description="The same, for clients that cannot set the header.",
            examples=["17"],
        ),
    ] = None,
) -> EventStream:
    """
    Stream what happens as server-sent events, until the job is finished or deleted.

    - `snapshot`: the job with all items (`JobOut`). It comes first, and again where a draft has
      lost items; forget what you knew.
    - `item`: one item that changed (`ItemOut`), replacing what you knew of its `index`.
    - `job`: the job without items (`JobSummary`), after its items. Only this event and the
      snapshot carry an `id`, the job's version, so a stream that breaks off loses nothing.
    - `end`: nothing more will come (`StreamEnd`). Close, or the browser asks again. A finished
      job that is retried has a new stream.

    A comment comes every 15 seconds. A stream that ends without `end` is to be resumed: the
    header `Last-Event-ID`, which browsers send by themselves, brings only what is new since.
    """
    await owned_job(context, owner, JobId(job))
    known = last_event_id or resume or ""
    after = int(known) if known.isascii() and known.isdigit() else None
    return EventStream(while_allowed(context, owner, hub.stream(JobId(job), after=after)))
