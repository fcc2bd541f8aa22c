"""Give the items of a job what a spreadsheet says of them."""

import dataclasses
import difflib
from collections.abc import Callable, Collection, Mapping, Sequence

from image2model.core.errors import GeneratorNotFound, WrongState
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Description, Item, Job
from image2model.core.sheet import SheetRow, file_key, picture_key, refuse_sheet
from image2model.core.states import JobState
from image2model.core.text.names import name_of_file
from image2model.documents.spreadsheet import SheetFile, read_sheet_file
from image2model.jobs.access import owned_job
from image2model.jobs.context import Context
from image2model.jobs.intake.submit import DraftChange, JobRequest, NewItem, change_draft


async def parse_sheet(context: Context, data: bytes) -> SheetFile:
    """
    Read the file of a spreadsheet in a worker.

    Raises:
        InvalidSheet: It cannot be read, or something in it is wrong.
        ComputeError: Reading it did not come to its end.
    """
    sheet: SheetFile = await context.compute.run(context.rules.compute_s, read_sheet_file, data)
    refuse_sheet(
        [
            (row.row, "generator", f"there is no generator '{row.generator[:80]}'")
            for row in sheet.rows
            if row.generator and not _is_known(context, GeneratorId(row.generator))
        ]
    )
    return sheet


def _is_known(context: Context, generator: GeneratorId) -> bool:
    try:
        context.catalogue.card(generator)
    except GeneratorNotFound:
        return False
    return True


def match_rows(
    rows: Sequence[SheetRow], items: Sequence[Collection[str]]
) -> Sequence[SheetRow | None]:
    """
    Find the row of every item.

    Args:
        rows: What the spreadsheet says.
        items: The files' names of every item's pictures. A name with its extension goes before
            the same name with another or none.

    Returns:
        In the order of *items*; None: nothing is said of it.

    Raises:
        InvalidSheet: A row is of a picture that is not there, or fits several items.
    """
    faults: list[tuple[int, str, str]] = []
    found: list[SheetRow | None] = [None] * len(items)
    by_file, by_stem = _places(items, file_key), _places(items, picture_key)
    for row in rows:
        # Written without its extension, `1987.12` is all of `1987.12.jpg` but that.
        places = (
            by_file.get(file_key(row.picture))
            or by_stem.get(file_key(row.picture))
            or by_stem.get(picture_key(row.picture), [])
        )
        if not places:
            faults.append((row.row, "picture", _unknown(row.picture, items)))
        elif len(places) > 1:
            faults.append((row.row, "picture", f"several pictures are named '{row.picture[:80]}'"))
        elif (other := found[places[0]]) is not None:
            faults.append((row.row, "picture", f"is of the same object as row {other.row}"))
        else:
            found[places[0]] = row
    refuse_sheet(faults)
    return found


def _places(
    items: Sequence[Collection[str]], key: Callable[[str], str]
) -> Mapping[str, Sequence[int]]:
    places: dict[str, list[int]] = {}
    for place, names in enumerate(items):
        for name in dict.fromkeys(key(name) for name in names):
            places.setdefault(name, []).append(place)
    return places


def _unknown(picture: str, items: Sequence[Collection[str]]) -> str:
    told = f"there is no picture '{picture[:80]}'"
    close = difflib.get_close_matches(picture, [name for names in items for name in names], n=1)
    return f"{told}; did you mean '{close[0]}'?" if close else told


def describe_items(rows: Sequence[SheetRow], new_items: Sequence[NewItem]) -> Sequence[NewItem]:
    """
    Name new items and give them what is said of them.

    Raises:
        InvalidSheet: The rows do not fit the pictures.
    """
    matched = match_rows(rows, [new.files for new in new_items])
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

    A generator that it names becomes the draft's.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is no draft.
        InvalidSheet: The spreadsheet cannot be used; nothing changed.
        ComputeError: Reading it did not come to its end.
    """
    draft = await owned_job(context, owner, job_id)
    if draft.state is not JobState.DRAFT:
        raise WrongState(what=f"Job {job_id}", state=draft.state, allowed=[JobState.DRAFT])
    rows = (await parse_sheet(context, data)).rows
    matched = match_rows(rows, [_files_of(item) for item in draft.items])
    named = next((GeneratorId(row.generator) for row in rows if row.generator), None)
    if named not in {None, draft.generator}:
        await change_draft(context, owner, job_id, DraftChange(generator=named))
    described = {
        item.index: _description(item, row)
        for item, row in zip(draft.items, matched, strict=True)
        if row is not None or item.metadata
    }
    await context.store.describe_items(job_id, described)
    await context.announce(job_id)
    return await context.store.get_job(job_id)


def _files_of(item: Item) -> Sequence[str]:
    return [picture.file_name for picture in item.pictures if picture.file_name] or [item.name]


def _description(item: Item, row: SheetRow | None) -> Description:
    # The name of a described item may be its title by now.
    described = "picture" in item.metadata
    before = name_of_file(_files_of(item)[0], fallback=item.name) if described else item.name
    if row is None:
        return Description(name=before, metadata={})
    return Description(name=row.name or before, metadata=row.metadata)
