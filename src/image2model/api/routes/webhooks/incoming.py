"""The route that providers call when work is done."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from image2model.api.dependencies import ContextIn
from image2model.api.responses.documented_errors import problems
from image2model.core import errors
from image2model.jobs.runs.provider_webhooks import receive_webhook

router = APIRouter(prefix="/hooks", tags=["hooks"])


@router.post(
    "/{provider}/{token}",
    operation_id="receiveWebhook",
    summary="Be told by a provider that a request has ended",
    status_code=204,
    response_class=Response,
    response_description="It was heard. Sending it again changes nothing.",
    responses=problems(errors.WebhookRefused, errors.ProviderUnavailable, changes=True),
)
async def receive(
    provider: Annotated[str, Path(description="Who calls.", examples=["fal"])],
    token: Annotated[
        str,
        Path(
            description="The secret part of the address that was sent along with the request.",
            examples=["3f1d0c5b9a7e4d2c8b6a1f0e9d8c7b6a"],
        ),
    ],
    request: Request,
    context: ContextIn,
) -> None:
    """Take a webhook, signed as its provider does; see the guide on using fal.ai."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    await receive_webhook(context, provider, token, headers, await request.body())
