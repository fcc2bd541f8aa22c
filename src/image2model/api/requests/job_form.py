"""The one-call way to make a job: its form is read while its pictures are being checked."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request

from image2model.api.access.callers import Caller
from image2model.api.requests.multipart import MultipartReader, Part
from image2model.core.errors import (
    InvalidRequest,
    NoPictures,
    NotAuthenticated,
    TooManyItems,
    UploadTooLarge,
)
from image2model.core.generator import GeneratorId, View
from image2model.core.job import KeepPolicy
from image2model.core.output import Output
from image2model.core.text.close_names import did_you_mean
from image2model.documents.spreadsheet import SHEET_BYTES
from image2model.jobs.context import Context
from image2model.jobs.intake.quotas import Room
from image2model.jobs.intake.receive import ItemGroup, PictureIntake, receive_pictures
from image2model.jobs.intake.spreadsheet import parse_sheet, with_generator
from image2model.jobs.intake.submit import JobRequest, NewItem
from image2model.wire.job_requests import DraftIn, JobFormIn

_FORM_BYTES = 1_000_000
"""Room for everything in the form that is no picture."""

_DRAFT_BYTES = 1_000_000

_FILE_FIELDS = frozenset({"files", "files[]"})
"""Parts of these names are pictures even where the sender gives them no file name."""

_SHEET_FIELD = "sheet"

_FORMS_WITHOUT_FILES = frozenset({"", "application/x-www-form-urlencoded"})
"""What HTTP clients send of a form to which no file was added."""


async def read_job_form(
    context: Context,
    request: Request,
    room: Room,
    *,
    idempotency_key: str | None,
    caller: Caller,
) -> tuple[JobRequest, Sequence[NewItem]]:
    """
    Read a whole job from a multipart form; fields and files may come in any order.

    Pictures are checked while later ones still come; one that cannot be used makes its item fail.
    On any error, and when the sender goes away, nothing is left behind.

    Raises:
        InvalidSheet: Its spreadsheet cannot be used, or does not fit the pictures.
        InvalidRequest, RequestValidationError: The form is not as it should be.
        NoPictures: It is a form that cannot hold files.
        NotAuthenticated: It names a webhook, and the caller has no API key.
        TooManyItems: More files came than the job may have items; raised at the first of them.
        QuotaExceeded: There is no room for its pictures.
        UploadTooLarge: The form is larger than all its pictures may be together.
        ClientDisconnect: The sender has gone.
        StorageError, ComputeError: A picture could not be checked or kept.
    """
    if _media_type(request) in _FORMS_WITHOUT_FILES:
        raise NoPictures
    async with receive_pictures(context, room) as intake:
        reading = _Reading(context, intake)
        form = await reading.read(request)
        sheet = await parse_sheet(context, reading.sheet) if reading.sheet else None
        rows = sheet.rows if sheet else ()
        wanted = with_generator(rows, _job_request(form, idempotency_key, caller, reuse=form.reuse))
        items = await intake.hand_over(_groups(form), rows=rows)
    return wanted, items


class _Reading:
    """One form being read."""

    def __init__(self, context: Context, intake: PictureIntake) -> None:
        self._intake = intake
        self._fields: dict[str, str] = {}
        self.sheet = b""
        self._files = 0
        self._limit = context.rules.items_per_job
        self._file_limit = self._limit
        self._form_bytes = self._limit * len(View) * context.rules.picture_bytes + _FORM_BYTES

    async def read(self, request: Request) -> JobFormIn:
        async for part in MultipartReader(request, limit_bytes=self._form_bytes).parts():
            if part.name == _SHEET_FIELD:
                self.sheet += await read_sheet_part(part.chunks)
            elif part.file_name is None and part.name not in _FILE_FIELDS:
                await self._take_field(part)
            else:
                await self._take_file(part)
        return _valid_form(self._fields)

    async def _take_field(self, part: Part) -> None:
        if part.name in self._fields:
            raise InvalidRequest(field=part.name, reason="was sent twice.")
        if part.name not in JobFormIn.model_fields:
            known = ", ".join(JobFormIn.model_fields)
            hint = did_you_mean(part.name, JobFormIn.model_fields)
            raise InvalidRequest(field=part.name, reason=f"is no field.{hint} Known are {known}.")
        self._fields[part.name] = await part.text()
        if part.name == "views":
            groups = _groups(_valid_form({"views": self._fields["views"]})) or ()
            if len(groups) > self._limit:
                raise TooManyItems(limit=self._limit)
            self._file_limit = max(self._limit, sum(len(group.pictures) for group in groups))

    async def _take_file(self, part: Part) -> None:
        chunks = part.chunks
        if not part.file_name:
            first = await anext(aiter(chunks), b"")
            if not first:
                return  # A file input that nobody filled in.
            chunks = _chain(first, chunks)
        self._files += 1
        if self._files > self._file_limit:
            raise TooManyItems(limit=self._limit)
        await self._intake.add(chunks, file_name=part.file_name or "")


async def read_sheet_part(chunks: AsyncIterator[bytes]) -> bytes:
    """
    Read the file of a spreadsheet, which is small.

    Raises:
        UploadTooLarge: It is not.
    """
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > SHEET_BYTES:
            raise UploadTooLarge(limit_bytes=SHEET_BYTES)
    return bytes(content)


async def _chain(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in others:
        yield chunk


def _valid_form(fields: dict[str, str]) -> JobFormIn:
    try:
        return JobFormIn.model_validate(fields)
    except ValidationError as error:
        raise _as_request_error(error) from error


def _groups(form: JobFormIn) -> Sequence[ItemGroup] | None:
    if form.views is None:
        return None
    return [
        ItemGroup(
            name=group.name,
            pictures={View(view): place for view, place in group.views.items()},
        )
        for group in form.views
    ]


async def read_draft(
    request: Request, *, idempotency_key: str | None, caller: Caller
) -> JobRequest:
    """
    Read what to know of a draft from a JSON body; an empty one has all defaults.

    Raises:
        InvalidRequest, RequestValidationError: It is not as it should be.
        NotAuthenticated: It names a webhook, and the caller has no API key.
        ClientDisconnect: The sender has gone.
    """
    if _media_type(request) not in {"", "application/json"}:
        raise InvalidRequest(field="Content-Type", reason="of a draft must be application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _DRAFT_BYTES:
            raise InvalidRequest(field="body", reason=f"is larger than {_DRAFT_BYTES} bytes.")
    try:
        draft = DraftIn.model_validate_json(bytes(body) or b"{}")
    except ValidationError as error:
        raise _as_request_error(error) from error
    return _job_request(draft, idempotency_key, caller, reuse=False)


def _job_request(
    given: DraftIn, idempotency_key: str | None, caller: Caller, *, reuse: bool
) -> JobRequest:
    if given.webhook_url is not None and not caller.may_use_webhooks:
        raise NotAuthenticated
    return JobRequest(
        name=given.name,
        generator=GeneratorId(given.generator) if given.generator else None,
        options=given.options,
        output=Output(formats=tuple(dict.fromkeys(given.formats)), adjust=given.adjust.asked()),
        keep=KeepPolicy(given.keep) if given.keep else None,
        budget_usd=None if given.budget_usd is None else Decimal(str(given.budget_usd)),
        idempotency_key=idempotency_key,
        reuse=reuse,
        webhook_url=given.webhook_url,
    )


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _as_request_error(error: ValidationError) -> RequestValidationError:
    faults = error.errors(include_url=False)
    return RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults])
