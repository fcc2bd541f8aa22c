"""Fetch what a request has made: its result, and the files that the result names."""

import json
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import (
    FetchBroken,
    FetchError,
    JsonValue,
    ProviderResultInvalid,
    ProviderUnavailable,
    StorageError,
)
from image2model.core.job import FileRole, Handle
from image2model.ports.provider import ProvidedFile
from image2model.providers.fal.archives import unpack
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.errors import account_problem, failure_of, input_problem
from image2model.providers.fal.extracting import Offer, Offers, find_offers
from image2model.providers.fal.http import PROVIDER, Answer
from image2model.providers.fal.platform import Platform, read_units
from image2model.providers.fal.queue import FalQueue
from image2model.providers.fal.sniffing import MESH_FORMATS, PICTURE_FORMATS
from image2model.providers.fal.spooling import BadContent, Spooled, Spooler

_log = logging.getLogger(__name__)

_MOST_OTHERS = 12
_REPLAYED = ("x-fal-request-id", "x-fal-error-type", "x-fal-retryable")
_BEFORE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What came of a request.

    Attributes:
        data: The model's output.
        units: What was charged, in the endpoint's units; None: not said.
    """

    data: JsonValue
    units: Decimal | None


class Results:
    """Reads outcomes and files."""

    def __init__(
        self, queue: FalQueue, platform: Platform, spooler: Spooler, *, limit_bytes: int
    ) -> None:
        self._queue = queue
        self._platform = platform
        self._spooler = spooler
        self._limit_bytes = limit_bytes

    async def read(self, handle: Handle, *, patience_s: float) -> Outcome:
        """
        Read the outcome of a request that has ended.

        fal keeps a result for an hour at most; after that it is read from the list of requests.

        Raises:
            ProviderRejected, InvalidPictureError: The model refused.
            ProviderUnavailable: The model broke down, and nothing was charged.
            ProviderAccountBlocked: The account cannot be used now.
            ProviderResultInvalid: Nobody has the result any more.
            Unread: It cannot be read now; it is not lost.
        """
        try:
            answer = await self._queue.result(handle, is_final=_is_final, patience_s=patience_s)
        except ProviderUnavailable as error:
            raise Unread(error) from error
        if answer.status == 404:
            return await self.recover(handle)
        if not answer.ok:
            raise account_problem(answer) or failure_of(answer)
        units = read_units(answer.headers.get("x-fal-billable-units"))
        return Outcome(data=answer.data, units=units)

    async def recover(self, handle: Handle) -> Outcome:
        """
        Read the outcome of a request from the list of requests; raises what `read` does.

        fal keeps it there for a month.
        """
        try:
            return await self._read_from_list(handle)
        except ProviderUnavailable as error:
            raise Unread(error) from error

    async def _read_from_list(self, handle: Handle) -> Outcome:
        endpoint, prepared_at = str(handle.data["endpoint"]), handle.data.get("prepared_at")
        start = datetime.fromisoformat(str(prepared_at)) - _BEFORE
        async for item in self._platform.requests(
            endpoint, start=start, request_id=handle.request_id
        ):
            output, status = item.get("json_output"), item.get("status_code")
            if item.get("request_id") != handle.request_id or not output:
                continue
            if isinstance(status, int) and status >= 400:
                raise input_problem(Answer(status=status, headers={}, body=_json(output)))
            return Outcome(data=output, units=None)
        raise ProviderResultInvalid(
            provider=PROVIDER, reason="it does not keep the result any more"
        )

    async def files(self, row: Row, handle: Handle, data: JsonValue) -> Sequence[ProvidedFile]:
        """
        Download the mesh and whatever else of *data* is worth keeping.

        Returns:
            The mesh first, each in a file that the caller removes.

        Raises:
            ProviderResultInvalid: There is no usable mesh.
            ProviderUnavailable: It cannot be downloaded now.
            ArtifactTooLarge: The mesh is larger than what is kept.
        """
        offers = find_offers(row, data)
        async with AsyncExitStack() as on_failure:
            meshes = await self._mesh(offers, handle)
            for file in meshes:
                on_failure.callback(_remove, file.path)
            taken = {file.url for file in meshes}
            others = await self._others(offers, handle, taken=taken)
            on_failure.pop_all()
        return [*meshes, *others]

    def links(self, row: Row, handle: Handle, data: JsonValue) -> Sequence[ProvidedFile]:
        """
        List what *data* offers, read nothing.

        Returns:
            What may be the mesh, most likely first, then everything else.

        Raises:
            ProviderResultInvalid: There is nothing that may be a mesh.
        """
        offers = find_offers(row, data)
        if not offers.meshes:
            raise ProviderResultInvalid(provider=PROVIDER, reason="the result names no mesh")
        others = [*offers.previews[:1], *offers.others][:_MOST_OTHERS]
        meshes = [self._linked(offer, handle, role=FileRole.MESH) for offer in offers.meshes]
        return [
            *meshes,
            *(self._linked(offer, handle, role=_likely_role(offer, offers)) for offer in others),
        ]

    def _linked(self, offer: Offer, handle: Handle, *, role: FileRole) -> ProvidedFile:
        extension = offer.extension or "bin"
        stem = "model" if role is FileRole.MESH else offer.name.rpartition(".")[0] or offer.key
        return ProvidedFile(
            name=f"{stem}.{extension}",
            role=role,
            url=offer.url,
            expires_at=self._expiry_of(handle),
        )

    async def _mesh(self, offers: Offers, handle: Handle) -> Sequence[ProvidedFile]:
        reasons: list[str] = []
        broken: FetchBroken | None = None
        for offer in offers.meshes:
            try:
                file = await self._spooler.spool(offer.url, name=offer.name, wanted=_may_be_mesh)
                return await self._opened(offer, file, handle)
            except BadContent as error:
                reasons.append(str(error))
            except FetchBroken as error:
                broken = error
            except FetchError as error:
                reasons.append(error.clause)
        if broken is not None:
            raise ProviderUnavailable(provider=PROVIDER, reason=broken.clause) from broken
        reason = "; ".join(reasons[:3]) or "the result names no mesh"
        raise ProviderResultInvalid(provider=PROVIDER, reason=reason)

    async def _opened(self, offer: Offer, file: Spooled, handle: Handle) -> Sequence[ProvidedFile]:
        if file.format != "zip":
            return [self._provided(offer, file, handle, role=FileRole.MESH)]
        try:
            members = await anyio.to_thread.run_sync(
                partial(unpack, file.path, file.path.parent, limit_bytes=self._limit_bytes)
            )
        finally:
            await anyio.to_thread.run_sync(_remove, file.path)
        mesh, *rest = [Offer(url=offer.url, key=offer.key, name=member.name) for member in members]
        files = [self._provided(mesh, members[0].file, handle, role=FileRole.MESH)]
        for companion, member in zip(rest, members[1:], strict=True):
            role = _role_of(member.file)
            files.append(self._provided(companion, member.file, handle, role=role))
        return files

    async def _others(
        self, offers: Offers, handle: Handle, *, taken: set[str | None]
    ) -> Sequence[ProvidedFile]:
        wanted = [*offers.previews[:1], *offers.meshes, *offers.others]
        wanted = [offer for offer in wanted if offer.url not in taken][:_MOST_OTHERS]
        found: dict[str, ProvidedFile] = {}

        async def bring(offer: Offer) -> None:
            try:
                file = await self._spooler.spool(offer.url, name=offer.name, wanted=bool)
            except (BadContent, FetchError, StorageError) as error:
                # The mesh is what was paid for; the item does not fail for a thumbnail.
                _log.info("left out %s of request %s: %s", offer.key, handle.request_id, error)
                return
            role = FileRole.PREVIEW if offer in offers.previews else _role_of(file)
            found[offer.url] = self._provided(offer, file, handle, role=role)

        try:
            async with anyio.create_task_group() as group:
                for offer in wanted:
                    group.start_soon(bring, offer)
        except BaseException:
            for file in found.values():
                _remove(file.path)
            raise
        return [found[offer.url] for offer in wanted if offer.url in found]

    def _provided(
        self, offer: Offer, file: Spooled, handle: Handle, *, role: FileRole
    ) -> ProvidedFile:
        stem = "model" if role is FileRole.MESH else offer.name.rpartition(".")[0] or offer.key
        return ProvidedFile(
            name=f"{stem}.{file.format or 'bin'}",
            role=role,
            path=file.path,
            url=offer.url,
            expires_at=self._expiry_of(handle),
        )

    def _expiry_of(self, handle: Handle) -> datetime | None:
        life_s, prepared_at = handle.data.get("file_life_s"), handle.data.get("prepared_at")
        if not isinstance(life_s, int | float) or not isinstance(prepared_at, str):
            return None
        return datetime.fromisoformat(prepared_at) + timedelta(seconds=life_s)


class Unread(Exception):
    """The outcome cannot be read now; it is not lost."""

    def __init__(self, error: ProviderUnavailable) -> None:
        super().__init__(error.clause)
        self.error = error


def _json(value: JsonValue) -> bytes:
    return json.dumps(value).encode()


def _is_final(answer: Answer) -> bool:
    """Tell a model's own answer, replayed, from a fault on the way to it."""
    if answer.status == 400:
        detail = answer.fields.get("detail")
        return not (isinstance(detail, str) and "in progress" in detail.lower())
    if 300 <= answer.status < 400 or (answer.ok and answer.data is None):
        return False
    return not answer.is_passing or any(name in answer.headers for name in _REPLAYED)


def _may_be_mesh(found: str) -> bool:
    return found in MESH_FORMATS or found == "zip"


def _likely_role(offer: Offer, offers: Offers) -> FileRole:
    if offer in offers.previews:
        return FileRole.PREVIEW
    return FileRole.TEXTURE if offer.extension in PICTURE_FORMATS else FileRole.ORIGINAL


def _role_of(file: Spooled) -> FileRole:
    return FileRole.TEXTURE if file.format in PICTURE_FORMATS else FileRole.ORIGINAL


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
