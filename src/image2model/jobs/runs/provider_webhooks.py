"""Hear from providers that work is done."""

import logging
from collections.abc import Mapping

from image2model.core.errors import GeneratorNotFound, JobNotFound, WebhookRefused
from image2model.core.ids import SubmitKey
from image2model.core.job import Attempt
from image2model.core.rules import ENDED_ATTEMPTS
from image2model.core.states import AttemptState
from image2model.jobs.background.item_signals import ring
from image2model.jobs.context import Context
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange
from image2model.ports.provider import WebhookReceiver

_log = logging.getLogger(__name__)


async def receive_webhook(
    context: Context, provider: str, token: str, headers: Mapping[str, str], body: bytes
) -> None:
    """
    Take a webhook: the request it speaks of is looked at now.

    It is no more than a hint: what became of the request is asked for as always. But where the
    answer to the submission was lost, the webhook brings the request id, and so settles what was
    uncertain. The same webhook may come any number of times.

    Args:
        context: The ports.
        provider: Whose address it came to.
        token: The last part of that address.
        headers: By lower-case name.
        body: As it came.

    Raises:
        WebhookRefused: It is not the provider's, or not about anything that was submitted.
        ProviderUnavailable: Whether it is the provider's cannot be found out now.
    """
    # Anybody may write any word into the address: it is counted under a name of few.
    counted_as = provider if _sends(context, provider) else "other"
    try:
        await _receive(context, provider, SubmitKey(token), headers, body)
    except WebhookRefused as error:
        _log.warning("%s", error)
        context.metrics.webhook_received(provider=counted_as, accepted=False)
        raise
    context.metrics.webhook_received(provider=counted_as, accepted=True)


async def _receive(
    context: Context, name: str, submit_key: SubmitKey, headers: Mapping[str, str], body: bytes
) -> None:
    receiver = _receiver(context, name)
    # The token first: it costs strangers nothing to send things that are hard to verify.
    found = await context.store.find_attempt(submit_key)
    if found is None or found[1].provider != name:
        raise WebhookRefused(reason="nothing was submitted under its address")
    ref, attempt = found
    request_id = await receiver.read_webhook(headers, body)
    if attempt.handle is not None and attempt.handle.request_id != request_id:
        raise WebhookRefused(reason="it is about another request")
    is_news = attempt.handle is None or attempt.state is AttemptState.UNCERTAIN
    if is_news:
        await _book(context, receiver, attempt, request_id)
    woken = receiver.wake(request_id)
    if ref is not None and not woken and attempt.state not in ENDED_ATTEMPTS:
        await ring(context.feed, ref)
        if is_news:
            # Else another process follows it, or has died, and then its lease runs out.
            await _dispatch(context, ref)


def _sends(context: Context, name: str) -> bool:
    return any(provider.name == name for provider in context.catalogue.providers)


def _receiver(context: Context, name: str) -> WebhookReceiver:
    for provider in context.catalogue.providers:
        if provider.name == name and isinstance(provider, WebhookReceiver):
            return provider
    raise WebhookRefused(reason=f"there is no provider '{name}' that sends any")


async def _book(
    context: Context, receiver: WebhookReceiver, attempt: Attempt, request_id: str
) -> None:
    handle = attempt.handle or receiver.find_handle(attempt.submission, request_id=request_id)
    change = AttemptChange(state=AttemptState.ACCEPTED, handle=handle)
    await context.store.book_late_answer(attempt.submit_key, change)


async def _dispatch(context: Context, ref: ItemRef) -> None:
    """Have the item run, in case nobody does; its lease sees to it that it is run once."""
    await context.announce(ref.job)
    try:
        job = await context.store.get_job(ref.job)
        card = context.catalogue.card(job.generator)
    except (JobNotFound, GeneratorNotFound):
        return
    await context.dispatcher.dispatch([ref], owner=job.owner, runs_on=card.runs_on)
