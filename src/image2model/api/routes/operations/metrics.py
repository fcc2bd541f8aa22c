"""The route that monitoring reads."""

from fastapi import APIRouter, Response

from image2model.api.dependencies import ContextIn
from image2model.api.responses.documented_errors import problems
from image2model.jobs.health import measure_now
from image2model.ports.metrics import EXPOSITION_TYPE

_EXAMPLE = 'image2model_provider_url_failures_total{provider="fal"} 3.0\n'

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="readMetrics",
    summary="Read what this process has counted",
    response_class=Response,
    response_description="Counters since the process began, in Prometheus' text format.",
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **problems(),
    },
)
async def read_metrics(context: ContextIn) -> Response:
    """
    Return what operators want to know of this process, and how many messages wait in the broker.

    It takes an API key with the scope `admin`, unless nobody else can reach the server.

    Items by state, how long they waited and took, requests to providers by what came of them, cost
    booked and billed beyond what was expected, whether spending is stopped, leases lost, webhooks,
    and providers' URLs that died and how old they were.
    """
    await measure_now(context)
    return Response(context.metrics.exposition(), media_type=EXPOSITION_TYPE)
