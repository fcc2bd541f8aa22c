"""Receive the pictures of a job: all of them in one go, or one for a place in a draft."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn

import anyio
import anyio.abc

from image2model.core.errors import (
    InvalidPictureError,
    InvalidRequest,
    TooManyItems,
    UploadTooLarge,
    WrongState,
)
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import Job, Picture, Problem
from image2model.core.sheet import SheetRow
from image2model.core.states import JobState
from image2model.core.text.names import clean_name, name_of_file, name_of_upload
from image2model.jobs.access import owned_job
from image2model.jobs.context import Context
from image2model.jobs.intake.pictures import Upload, accept_upload, receive_upload, take_picture
from image2model.jobs.intake.quotas import Room, room_for
from image2model.jobs.intake.spreadsheet import describe_items
from image2model.jobs.intake.submit import NewItem, put_picture
from image2model.jobs.storage.discard import discard_artifacts
from image2model.ports.dispatcher import ItemRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGroup:
    """
    Which received pictures are the views of one object.

    Attributes:
        name: The item's name; "": that of its first picture.
        pictures: Positions in the order of receiving, from 0, by the view they show.
    """

    name: str = ""
    pictures: Mapping[View, int]


@dataclass(slots=True)
class _Received:
    """One picture on its way: once *checked*, it is a picture or a problem."""

    name: str
    file_name: str
    checked: anyio.Event = field(default_factory=anyio.Event)
    picture: Picture | None = None
    problem: Problem | None = None


class PictureIntake:
    """Takes pictures in one after the other while earlier ones are still being checked."""

    def __init__(
        self, context: Context, checks: anyio.abc.TaskGroup, room: Room | None = None
    ) -> None:
        self._context = context
        self._checks = checks
        self._room = room
        self._received: list[_Received] = []
        self._handed_over = False

    async def add(self, chunks: AsyncIterator[bytes], *, file_name: str) -> None:
        """
        Receive one picture; returns when all of it came, before it is checked.

        A picture that cannot be used is no error here: its item will say so. Of one that is too
        large the rest of *chunks* is left unread.

        Raises:
            QuotaExceeded: There is no room for it.
            StorageError: It could not be written.
        """
        if self._room is not None:
            chunks = self._room.counted(chunks)
        fallback = f"item-{len(self._received) + 1}"
        received = _Received(name_of_file(file_name, fallback=fallback), file_name)
        self._received.append(received)
        try:
            upload = await receive_upload(self._context, chunks)
        except UploadTooLarge as error:
            received.problem = Problem.of(error)
            received.checked.set()
        else:
            self._checks.start_soon(self._check, received, upload)

    async def _check(self, received: _Received, upload: Upload) -> None:
        try:
            picture = await accept_upload(self._context, upload, view=View.FRONT)
            received.picture = replace(picture, file_name=name_of_upload(received.file_name))
        except InvalidPictureError as error:
            received.problem = Problem.of(error)
        received.checked.set()

    async def hand_over(
        self, groups: Sequence[ItemGroup] | None, *, rows: Sequence[SheetRow] = ()
    ) -> Sequence[NewItem]:
        """
        Make items of all that was received, when every check is done.

        From here on the pictures are the caller's to keep or to discard.

        Args:
            groups: Which pictures belong together; each must be in exactly one group. None: every
                picture is an item of its own.
            rows: What a spreadsheet says of them.

        Raises:
            InvalidRequest: The groups do not fit the pictures.
            InvalidSheet: The rows do not.
        """
        if groups is None:
            groups = [ItemGroup(pictures={View.FRONT: n}) for n in range(len(self._received))]
        _check_groups(groups, count=len(self._received))
        for received in self._received:
            await received.checked.wait()
        items = describe_items(rows, [self._item(group) for group in groups])
        self._handed_over = True
        return items

    def _item(self, group: ItemGroup) -> NewItem:
        members = [(view, self._received[place]) for view, place in group.pictures.items()]
        first = members[0][1]
        return NewItem(
            name=clean_name(group.name, fallback=first.name),
            pictures=[
                replace(received.picture, view=view)
                for view, received in members
                if received.picture is not None
            ],
            problem=next((one.problem for _, one in members if one.problem is not None), None),
            files=[received.file_name for _, received in members],
        )

    async def discard(self) -> None:
        """Remove the pictures, unless they were handed over."""
        if not self._handed_over:
            kept = [one.picture.artifact for one in self._received if one.picture is not None]
            await discard_artifacts(self._context, kept)


@asynccontextmanager
async def receive_pictures(
    context: Context, room: Room | None = None
) -> AsyncIterator[PictureIntake]:
    """
    Receive the pictures of one job within the block; into *room*, if that is limited.

    Whatever was not handed over when the block is left, fails or is cancelled, is removed again:
    files, pictures and checks under way.
    """
    intake: PictureIntake | None = None
    try:
        async with anyio.create_task_group() as checks:
            intake = PictureIntake(context, checks, room)
            yield intake
    except BaseExceptionGroup as group:
        # Errors of the block and of the checks come out as themselves.
        raise _first_of(group) from None
    finally:
        if intake is not None:
            await intake.discard()


def _first_of(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _check_groups(groups: Sequence[ItemGroup], *, count: int) -> None:
    places = sorted(place for group in groups for place in group.pictures.values())
    if any(not group.pictures for group in groups):
        _refuse("has an item without pictures.")
    if unknown := [place for place in places if place >= count]:
        _refuse(f"names the files {unknown}, but only {count} came (the first is 0).")
    if places != list(range(count)):
        missing = sorted(set(range(count)) - set(places))
        _refuse(
            f"leaves out the files {missing}."
            if missing
            else "names a file for more than one view."
        )


def _refuse(reason: str) -> NoReturn:
    raise InvalidRequest(field="views", reason=reason)


async def upload_picture(
    context: Context,
    owner: OwnerId,
    ref: ItemRef,
    chunks: AsyncIterator[bytes],
    *,
    view: View,
    file_name: str | None,
    size_bytes: int | None = None,
) -> Job:
    """
    Receive one picture for a place in a draft; nothing is read where there is no such place.

    Args:
        context: The ports.
        owner: Who sends it.
        ref: The item; it is added where it is not there yet.
        chunks: The file's content, in order.
        view: Which side of the object it shows; replaces an earlier picture of that side.
        file_name: Names the item; None: its name stays, or is `item-N` for a new one.
        size_bytes: How much is to come; None: nobody knows.

    Returns:
        The job with its items.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is no draft (any more).
        TooManyItems: The index is beyond `Rules.items_per_job`.
        QuotaExceeded: There is no room for it.
        InvalidPictureError, UploadTooLarge: The picture cannot be used; the draft stays as it was.
        StorageError, ComputeError: It could not be checked or kept.
    """
    draft = await owned_job(context, owner, ref.job)
    if draft.state is not JobState.DRAFT:
        raise WrongState(what=f"Job {ref.job}", state=draft.state, allowed=[JobState.DRAFT])
    if ref.index >= context.rules.items_per_job:
        raise TooManyItems(limit=context.rules.items_per_job)
    async with room_for(context, owner) as room:
        await room.expect(size_bytes or 1)
        picture = await take_picture(context, room.counted(chunks), view=view)
        picture = replace(picture, file_name=name_of_upload(file_name or ""))
        name = name_of_file(file_name, fallback=f"item-{ref.index + 1}") if file_name else None
        return await put_picture(context, owner, ref, picture, name=name)
