"""Fetch what a request has made: its result, and the files that the result names."""

import json
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.errors import (
    FetchBroken,
    FetchError,
    FetchGone,
    FetchRefused,
    JsonValue,
    ProviderError,
    ProviderResultInvalid,
    ProviderUnavailable,
    StorageError,
)
from image2model.core.job import FileRole, Handle
from image2model.ports.provider import ProvidedFile
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.requests.errors import (
    BrokeDown,
    account_problem,
    failure_of,
    input_problem,
)
from image2model.providers.fal.requests.http import PROVIDER, Answer
from image2model.providers.fal.requests.platform import Platform, read_units
from image2model.providers.fal.requests.queue import FalQueue
from image2model.providers.fal.results.archives import unpack
from image2model.providers.fal.results.download import BadContent, Spooled, Spooler, sha256_of
from image2model.providers.fal.results.extracting import Offer, Offers, find_offers
from image2model.providers.fal.results.file_detection import MESH_FORMATS, PICTURE_FORMATS

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
        earlier_usd: What was charged for requests that fal ran in vain before it, in US dollars;
            None: not known.
    """

    data: JsonValue
    units: Decimal | None
    earlier_usd: Decimal | None = Decimal(0)


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
            ProviderRejected, InvalidPictureError: The model refused; the error says at what cost.
            BrokeDown: The model broke down, or nobody has the result any more.
            ProviderAccountBlocked: The account cannot be used now.
            Unread: It cannot be read now; it is not lost.
        """
        try:
            answer = await self._queue.result(handle, is_final=_is_final, patience_s=patience_s)
        except ProviderUnavailable as error:
            raise Unread(error) from error
        if answer.status == 404:
            try:
                return await self.recover(handle)
            except ProviderResultInvalid as error:
                raise BrokeDown(error) from error
        units = read_units(answer.headers.get("x-fal-billable-units"))
        if answer.ok:
            return Outcome(data=answer.data, units=units)
        blocked = account_problem(answer)
        if blocked is not None:
            raise blocked
        # Booked at once: a refusal that costs nothing must not use up a budget.
        cost_usd = await self._platform.cost_usd(str(handle.data["endpoint"]), units)
        raise failure_of(answer, units=units, cost_usd=cost_usd)

    async def recover(self, handle: Handle) -> Outcome:
        """
        Read the outcome of a request from the list of requests.

        fal keeps it there for a month.

        Raises:
            ProviderRejected, InvalidPictureError: The model refused.
            ProviderAccountBlocked: The account cannot be used now.
            ProviderResultInvalid: Nobody has the result any more.
            Unread: It cannot be read now; it is not lost.
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
            provider=PROVIDER, reason="it does not keep the result any more", cause="gone"
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
        faults: list[BadContent | FetchError] = []
        for offer in offers.meshes:
            try:
                file = await self._spooler.spool(offer.url, name=offer.name, wanted=_may_be_mesh)
                return await self._opened(offer, file, handle)
            except (BadContent, FetchError) as error:
                faults.append(error)
        raise _no_mesh(faults)

    async def _opened(self, offer: Offer, file: Spooled, handle: Handle) -> Sequence[ProvidedFile]:
        if file.format != "zip":
            return [self._provided(offer, file, handle, role=FileRole.MESH)]
        try:
            members = await anyio.to_thread.run_sync(
                partial(unpack, file.path, file.path.parent, limit_bytes=self._limit_bytes)
            )
        except BadContent as error:
            digest = await anyio.to_thread.run_sync(sha256_of, file)
            raise BadContent(str(error), sha256=digest) from error
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


def _no_mesh(faults: Sequence[BadContent | FetchError]) -> ProviderError:
    """Tell why none of the files that may be the mesh is one."""
    broken = next((fault for fault in faults if _may_pass(fault)), None)
    if broken is not None:
        return ProviderUnavailable(provider=PROVIDER, reason=_clause(broken))
    reason = "; ".join(map(_clause, faults[:3]))
    useless = [fault.sha256 for fault in faults if isinstance(fault, BadContent)]
    cause = sha = None
    if any(isinstance(fault, FetchRefused) for fault in faults):
        cause = "refused"
    elif faults and not useless:
        cause = "gone"
    elif None not in useless:
        # No mesh is named, or all of what came is of no use: the same again if this is.
        sha = sha256("".join(map(str, useless)).encode()).hexdigest()
    return ProviderResultInvalid(
        provider=PROVIDER, reason=reason or "the result names no mesh", cause=cause, sha256=sha
    )


def _clause(fault: BadContent | FetchError) -> str:
    # What a refusal advises, such as a setting, is for whoever reads this.
    return str(fault).rstrip(".")


def _may_pass(fault: BadContent | FetchError) -> bool:
    if isinstance(fault, FetchGone):
        # 403 and the like may be said by something on the way there.
        return fault.details["status"] not in {404, 410}
    return isinstance(fault, FetchBroken)


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
