"""Routes for probes: is the process there, and do the parts it needs work?"""

from fastapi import APIRouter, Response

from image2model.api.dependencies import ContextIn
from image2model.api.responses.documented_errors import (
    INTERNAL_ERROR_MEANING,
    Responses,
    problem_body,
)
from image2model.api.responses.problems import INTERNAL_ERROR
from image2model.jobs.health import OK, QUEUE, check_parts
from image2model.wire.health import HealthOut

router = APIRouter(prefix="/health", tags=["health"])

_UNEXPECTED: Responses = {500: problem_body(500, {INTERNAL_ERROR: INTERNAL_ERROR_MEANING})}


@router.get(
    "/live",
    operation_id="checkLive",
    summary="Tell whether the process answers",
    response_description="It does.",
    responses=_UNEXPECTED,
)
async def check_live() -> HealthOut:
    """Answer at once, without calling anything."""
    return HealthOut(status="ok", checks={})


@router.get(
    "/ready",
    operation_id="checkReady",
    summary="Tell whether every part works",
    response_description="Every part works.",
    responses=_UNEXPECTED | {503: {"model": HealthOut, "description": "A part does not work."}},
)
async def check_ready(context: ContextIn, response: Response) -> HealthOut:
    """
    Call the database, the storage, the computing processes and the queue, each for a limited time.

    Looks, too, whether there is space for anything new, and whether background work fails again and
    again.

    A queue that is out of reach is told of, but the process stays ready: it takes jobs in, and they
    wait.
    """
    checks = await check_parts(context)
    # Web processes that all left because the queue did would take no jobs in any more.
    works = all(outcome == OK for part, outcome in checks.items() if part != QUEUE)
    response.status_code = 200 if works else 503
    return HealthOut(status="ok" if works else "failing", checks=dict(checks))
