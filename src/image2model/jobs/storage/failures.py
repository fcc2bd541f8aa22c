"""Work that failed is not done again at once, whoever asks for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from image2model.core.errors import ComputeError, InvalidMesh, InvalidRequest, read_error
from image2model.core.job import Problem
from image2model.jobs.context import Context

_LIVES_S = (60.0, 900.0, 86_400.0)
"""How long a first, a second and any further failure counts: load passes, a bad file stays so."""

_MOST = 10_000


@asynccontextmanager
async def remembering_failure(context: Context, name: str) -> AsyncIterator[None]:
    """
    Do the work called *name* within the block, unless it failed lately.

    Args:
        context: The ports.
        name: At most 64 characters; changes with everything that the outcome depends on.

    Raises:
        InvalidMesh, InvalidRequest, ComputeError: As it was raised within such a block before, or
            is raised within this one.
    """
    if (known := await context.store.find_failure(name)) is not None:
        error = read_error(code=known.code, message=known.message, details=known.details)
        if error is not None:
            raise error
    try:
        yield
    except (InvalidMesh, InvalidRequest, ComputeError) as error:
        await context.store.add_failure(name, Problem.of(error), lives_s=_LIVES_S, most=_MOST)
        raise
