"""Give the items of a job what a spreadsheet says of them."""

import dataclasses
from collections.abc import Collection, Sequence

from image2model.core.errors import WrongState
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.names import name_of_file
from image2model.core.sheet import SheetRow, picture_key, refuse_sheet
from image2model.core.states import JobState
from image2model.jobs.access import owned_job
from image2model.jobs.context import Context
from image2model.jobs.sheet_file import read_sheet_file
from image2model.jobs.submit import JobRequest, NewItem
from image2model.ports.jobstore import Description


async def parse_sheet(context: Context, data: bytes) -> Sequence[SheetRow]:
    """
    Read the file of a spreadsheet in a worker.

    Raises:
        InvalidSheet: It cannot be read, or something in it is wrong.
        ComputeError: Reading it did not come to its end.
    """
    return await context.compute.run(context.rules.compute_s, read_sheet_file, data)


def match_rows(
    rows: Sequence[SheetRow], items: Sequence[Collection[str]]
) -> Sequence[SheetRow | None]:
    """
    Find the row of every item.

    Args:
        rows: What the spreadsheet says.
        items: The keys (`picture_key`) of every item's pictures.

    Returns:
        In the order of *items*; None: nothing is said of it.

    Raises:
        InvalidSheet: A row is of a picture that is not there, or fits several items.
    """
    faults: list[tuple[int, str, str]] = []
    found: list[SheetRow | None] = [None] * len(items)
    for row in rows:
        places = [place for place, keys in enumerate(items) if row.key in keys]
        if not places:
            faults.append((row.row, "picture", f"there is no picture '{row.picture[:80]}'"))
        elif len(places) > 1:
            faults.append((row.row, "picture", f"several pictures are named '{row.picture[:80]}'"))
        elif (other := found[places[0]]) is not None:
            faults.append((row.row, "picture", f"is of the same object as row {other.row}"))
        else:
            found[places[0]] = row
    refuse_sheet(faults)
    return found


def describe_items(rows: Sequence[SheetRow], new_items: Sequence[NewItem]) -> Sequence[NewItem]:
    """
    Name new items and give them what is said of them.

    Raises:
        InvalidSheet: The rows do not fit the pictures.
    """
    matched = match_rows(rows, [[picture_key(file) for file in new.files] for new in new_items])
    return [
        dataclasses.replace(new, name=row.name or new.name, metadata=row.metadata) if row else new
        for new, row in zip(new_items, matched, strict=True)
    ]


def with_generator(rows: Sequence[SheetRow], request: JobRequest) -> JobRequest:
    """
    Let a job have the generator that its spreadsheet names.

    Raises:
        InvalidSheet: The request names another.
    """
    row = next((row for row in rows if row.generator), None)
    if row is None:
        return request
    if request.generator is not None:
        _check_generator(row, request.generator)
    return dataclasses.replace(request, generator=GeneratorId(row.generator))


def _check_generator(row: SheetRow, generator: GeneratorId) -> None:
    if row.generator != generator:
        refuse_sheet([(row.row, "generator", f"is not the job's, which is '{generator}'")])


async def put_sheet(context: Context, owner: OwnerId, job_id: JobId, data: bytes) -> Job:
    """
    Describe the items of a draft, in place of what an earlier spreadsheet said.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is no draft.
        InvalidSheet: The spreadsheet cannot be used; nothing changed.
        ComputeError: Reading it did not come to its end.
    """
    draft = await owned_job(context, owner, job_id)
    if draft.state is not JobState.DRAFT:
        raise WrongState(what=f"Job {job_id}", state=draft.state, allowed=[JobState.DRAFT])
    rows = await parse_sheet(context, data)
    for row in rows:
        if row.generator:
            _check_generator(row, draft.generator)
    matched = match_rows(rows, [[_key_of(item)] for item in draft.items])
    described = {
        item.index: _description(item, row)
        for item, row in zip(draft.items, matched, strict=True)
        if row is not None or item.metadata
    }
    await context.store.describe_items(job_id, described)
    await context.announce(job_id)
    return await context.store.get_job(job_id)


def _key_of(item: Item) -> str:
    return picture_key(_picture_of(item))


def _picture_of(item: Item) -> str:
    """Tell the picture's file name: of a described item, its name may be its title by now."""
    return str(item.metadata.get("picture", item.name))


def _description(item: Item, row: SheetRow | None) -> Description:
    before = name_of_file(_picture_of(item), fallback=item.name)
    if row is None:
        return Description(name=before, metadata={})
    return Description(name=row.name or before, metadata=row.metadata)
