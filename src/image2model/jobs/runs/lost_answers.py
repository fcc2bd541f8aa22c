"""Find the answer to a submission that was lost."""

import anyio

from image2model.core.errors import Image2ModelError, StorageError
from image2model.core.job import Attempt, Handle
from image2model.jobs.context import Context
from image2model.ports.provider import Provider

_LISTEN_EVERY_S = 1.0


async def find_answer(context: Context, provider: Provider, attempt: Attempt) -> Handle | None:
    """
    Ask *provider* what became of *attempt*, until it says so or its webhook has told us.

    The search takes minutes where the provider lists requests late; the webhook comes as soon as
    the model is done, to whichever process, and is found in the ledger.

    Returns:
        The handle, or None: the provider certainly has not accepted it.

    Raises:
        SubmissionUncertain: Nobody can tell.
        ProviderError: The provider cannot be asked.
    """
    found: list[Handle | None] = []
    failed: list[Image2ModelError] = []
    async with anyio.create_task_group() as group:

        async def listen() -> None:
            found.append(await _hear(context, attempt))
            group.cancel_scope.cancel()

        group.start_soon(listen)
        try:
            answer = await provider.reconcile(attempt.submission, submit_key=attempt.submit_key)
            found.append(answer)
        except Image2ModelError as error:
            failed.append(error)
        group.cancel_scope.cancel()
    handle = next((one for one in found if one is not None), None)
    handle = handle or await _booked(context, attempt)
    if handle is None and failed:
        raise failed[0]
    return handle


async def _hear(context: Context, attempt: Attempt) -> Handle:
    """Wait until somebody has booked what the answer would have been."""
    while True:
        try:
            handle = await _booked(context, attempt)
        except StorageError:
            handle = None  # Whoever writes next will say so.
        if handle is not None:
            return handle
        await context.clock.sleep(_LISTEN_EVERY_S)


async def _booked(context: Context, attempt: Attempt) -> Handle | None:
    known = await context.store.find_attempt(attempt.submit_key)
    return known[1].handle if known else None
