"""The provider `fal`: pictures become models through fal.ai's queue, paid once each."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import anyio

from image2model.core.errors import (
    ProviderAccountBlocked,
    ProviderRejected,
    ProviderResultInvalid,
    ProviderUnavailable,
)
from image2model.core.generator import GeneratorCard, GeneratorId
from image2model.core.ids import SubmitKey, new_hex_id
from image2model.core.job import Handle, KeepPolicy, Progress, Submission
from image2model.ports.provider import Delivery, ProviderTools, Work
from image2model.providers.fal.admission.gate import Gate
from image2model.providers.fal.admission.places import Places
from image2model.providers.fal.cards import card_of
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.catalogue.rows import ROWS, is_listed, row_of
from image2model.providers.fal.config import FalConfig, read_config
from image2model.providers.fal.following import Follower, Forgotten
from image2model.providers.fal.list_lessons import ListLessons
from image2model.providers.fal.options import build_body, check_order, estimate_usd
from image2model.providers.fal.progress import RunTimes
from image2model.providers.fal.reconcile import Reconciler
from image2model.providers.fal.requests.errors import BrokeDown, charged, refusal_of
from image2model.providers.fal.requests.http import KEY_ADVICE, PROVIDER, FalHttp, no_key
from image2model.providers.fal.requests.platform import Platform
from image2model.providers.fal.requests.queue import FalQueue
from image2model.providers.fal.requests.retrying import ask
from image2model.providers.fal.requests.uploads import Uploads
from image2model.providers.fal.results.download import Spooler
from image2model.providers.fal.results.extracting import find_facts
from image2model.providers.fal.results.results import Outcome, Results, Unread
from image2model.providers.fal.webhooks import Webhooks

_log = logging.getLogger(__name__)

_TIMES_PATIENT = 5
_MOST_OUTCOMES = 2_000
"""Outcomes that were read and never collected, because their run was cut short."""


class FalProvider:
    """
    Runs generators at fal.ai.

    A submission holds the request as it will be sent, the URLs of its pictures, which no other
    attempt has, and when it was prepared. A handle holds what is needed to follow, cancel and
    collect a request from any process.
    """

    name = "fal"

    def __init__(self, tools: ProviderTools, config: FalConfig) -> None:
        self._config = config
        self._clock = tools.clock
        self._http = FalHttp(config)
        self._places = Places(config.concurrency, reserved_s=config.pace.reserved_s)
        self._gate = Gate(tools.clock, patience_s=config.pace.ahead_s)
        self._times = RunTimes()
        self._uploads = Uploads(self._http, config, tools.clock)
        self._platform = Platform(self._http, config, tools.clock)
        self._queue = FalQueue(self._http, config)
        self._lessons = ListLessons(self._platform, tools.facts, config, tools.clock)
        self._reconciler = Reconciler(
            self._queue, self._platform, self._lessons, config, tools.clock
        )
        self._follower = Follower(self._queue, self._places, self._times, config)
        spooler = Spooler(
            tools.fetcher, tools.incoming, config.pace, limit_bytes=tools.result_bytes
        )
        self._results = Results(
            self._queue, self._platform, spooler, limit_bytes=tools.result_bytes
        )
        self._webhooks = Webhooks(self._http, config, tools.clock)
        self._outcomes: dict[str, Outcome] = {}
        self._retried: dict[str, Handle] = {}

    def cards(self) -> Sequence[GeneratorCard]:
        """List the catalogue, Tripo v2.5 first."""
        missing = self._missing
        return [card_of(generator, row, missing=missing) for generator, row in ROWS.items()]

    def card(self, generator: GeneratorId) -> GeneratorCard | None:
        """Describe *generator*: a listed one, or any endpoint as `fal:owner/alias/path`."""
        row = row_of(generator)
        return None if row is None else card_of(generator, row, missing=self._missing)

    @property
    def _missing(self) -> str:
        return KEY_ADVICE if self._config.key is None else ""

    async def prepare(self, work: Work) -> Submission:
        """Wait for a free place, upload the pictures, build the request; see `Provider`."""
        if self._config.key is None:
            raise no_key()
        row = _row(work.generator)
        check_order(row, [picture.view for picture in work.pictures])
        began_at, mark = self._clock.now(), new_hex_id()
        await self._places.take(mark)
        with self._holding(mark):
            self._gate.check(row.endpoint, since=began_at)
            with self._noting_refusals(row.endpoint, mark):
                urls = await self._uploads.upload(work.pictures)
            estimated = await self._estimate(row, work)
            await self._gate.enter(row.endpoint, mark, since=began_at)
        self._places.reserve(mark)
        return Submission(
            endpoint=row.endpoint,
            data={
                "generator": work.generator,
                "input": build_body(row, work.options, urls),
                "pictures": sorted(set(urls.values())),
                "prepared_at": self._clock.now().isoformat(),
                "mark": mark,
            },
            estimated_usd=estimated,
        )

    async def submit(self, submission: Submission, *, submit_key: SubmitKey) -> Handle:
        """Submit with one POST; see `Provider`."""
        # fal keeps no key of ours: the picture's URL names the attempt, and the webhook's.
        webhook_url = self._config.webhook_url and f"{self._config.webhook_url}/{submit_key}"
        endpoint, mark = submission.endpoint, str(submission.data["mark"])
        prepared_at = datetime.fromisoformat(str(submission.data["prepared_at"]))
        generator = str(submission.data["generator"])
        self._places.hold(mark)
        with self._holding(mark):
            self._gate.check(endpoint, since=prepared_at)
            with self._noting_refusals(endpoint, mark):
                handle = await self._queue.submit(
                    submission, webhook_url=webhook_url, generator=generator
                )
        self._gate.leave(endpoint, mark, None)
        self._places.reserve(mark, name=handle.request_id)
        return handle

    def release(self, submission: Submission) -> None:
        """Give back the place of a submission that will not be submitted; see `PlaceKeeper`."""
        mark = str(submission.data["mark"])
        self._gate.withdraw(submission.endpoint, mark)
        self._places.free(mark)

    async def reconcile(self, submission: Submission, *, submit_key: SubmitKey) -> Handle | None:
        """Search fal's list of requests; see `Provider` and `reconcile`."""
        del submit_key
        return await self._reconciler.find(submission, typical_s=self._typical_s(submission))

    async def search_limit_s(self, submission: Submission) -> float:
        """Tell how long `reconcile` takes at most; see `AnswerSearcher`."""
        return await self._reconciler.limit_s(submission, typical_s=self._typical_s(submission))

    def _typical_s(self, submission: Submission) -> float:
        generator = GeneratorId(str(submission.data["generator"]))
        return self._times.typical_s(generator, otherwise_s=_row(generator).typical_s)

    async def follow(self, work: Work, handle: Handle) -> AsyncIterator[Progress]:
        """Poll until it has ended, and read its outcome; see `Provider`."""
        # Read at once, for fal keeps it for minutes only; and here, where a model that broke
        # down unpaid can still be asked again.
        requests = _Requests(first=handle)
        patience_s = _TIMES_PATIENT * self._config.pace.patience_s
        outcome: Outcome | None = None
        try:
            while outcome is None:
                try:
                    try:
                        async with aclosing(self._follow(work, requests.latest)) as followed:
                            async for progress in followed:
                                yield progress
                        outcome = await self._results.read(requests.latest, patience_s=patience_s)
                    except Forgotten:
                        outcome = await self._recover(requests.latest)
                except BrokeDown as broken:
                    outcome = await self._go_on_with_retried(requests, broken)
        except (Unread, ProviderAccountBlocked):
            return  # It is made and paid for: collecting tries again, and says what is wrong.
        self._remember(handle, requests.add_up(outcome))

    async def _follow(self, work: Work, handle: Handle) -> AsyncGenerator[Progress, None]:
        typical_s, began_s = _row(work.generator).typical_s, anyio.current_time()
        followed = self._follower.follow(handle, generator=work.generator, typical_s=typical_s)
        async with aclosing(followed):
            async for progress in followed:
                yield progress
                age_s = anyio.current_time() - began_s
                await self._lessons.ask_about(handle, age_s=age_s)

    async def read_bill(self, handle: Handle) -> Decimal | None:
        """Read what was charged off the outcome, before any file is fetched; see `BillReader`."""
        return await self._cost(handle, await self._outcome(handle))

    async def collect(self, work: Work, handle: Handle) -> Delivery:
        """Download the model and what belongs to it; see `Provider`."""
        outcome = await self._outcome(handle)
        row = _row(work.generator)
        if work.keep is KeepPolicy.LINKS:
            files = self._results.links(row, handle, outcome.data)
        else:
            files = await self._results.files(row, handle, outcome.data)
        # Kept until here: fal may not have it when the files are fetched again.
        self._outcomes.pop(handle.request_id, None)
        self._retried.pop(handle.request_id, None)
        return Delivery(
            files=files,
            facts=find_facts(outcome.data),
            cost_usd=await self._cost(handle, outcome),
        )

    async def cancel(self, handle: Handle) -> bool:
        """Ask fal to stop it; what cannot be asked for counts as done. See `Provider`."""
        try:
            return await self._queue.cancel(self._retried.get(handle.request_id, handle))
        except ProviderUnavailable:
            return False

    async def check(self) -> None:
        """Ask for a price, which needs the key and costs nothing; see `Provider`."""
        answer = await ask(
            self._http,
            self._config.pace,
            "GET",
            f"{self._config.api_url}/models/pricing",
            query={"endpoint_id": next(iter(ROWS.values())).endpoint},
            patience_s=0.0,
        )
        if not answer.ok:
            raise refusal_of(answer, generator=next(iter(ROWS)))

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Verify a webhook with fal's published keys; see `WebhookReceiver`."""
        return await self._webhooks.read(headers, body)

    def find_handle(self, submission: Submission, *, request_id: str) -> Handle:
        """Make the handle of a request whose acceptance was lost; see `WebhookReceiver`."""
        return self._queue.handle(submission, request_id, {})

    def wake(self, request_id: str) -> bool:
        """
        Look at a request now, because fal has said that it is done.

        Returns:
            False: it is not followed by this process.
        """
        return self._follower.wake(request_id)

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await self._http.aclose()

    @contextmanager
    def _holding(self, mark: str) -> Iterator[None]:
        """Give the place of *mark* back if the block fails."""
        try:
            yield
        except BaseException:
            self._places.free(mark)
            raise

    @contextmanager
    def _noting_refusals(self, endpoint: str, mark: str) -> Iterator[None]:
        """Turn away whoever would be refused as the block is."""
        try:
            yield
        except BaseException as error:
            self._gate.leave(endpoint, mark, error)
            if isinstance(error, ProviderAccountBlocked):
                self._places.turn_away(error)
            raise

    async def _estimate(self, row: Row, work: Work) -> Decimal:
        if is_listed(row):
            return estimate_usd(row, work.options, pictures=len(work.pictures))
        usual = await self._platform.usual_price_usd(row.endpoint)
        if usual is None:
            usual = await self._platform.unit_price_usd(row.endpoint)
        return usual or Decimal(0)

    async def _outcome(self, handle: Handle) -> Outcome:
        known = self._outcomes.get(handle.request_id)
        if known is None:
            known = await self._read(handle)
            self._remember(handle, known)
        return known

    def _remember(self, handle: Handle, outcome: Outcome) -> None:
        if len(self._outcomes) >= _MOST_OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]
        self._outcomes[handle.request_id] = outcome

    async def _read(self, handle: Handle) -> Outcome:
        """Read what came of *handle*, or of what fal made of it by itself."""
        requests = _Requests(first=handle)
        outcome: Outcome | None = None
        try:
            while outcome is None:
                try:
                    outcome = await self._results.read(
                        requests.latest, patience_s=self._config.pace.patience_s
                    )
                except BrokeDown as broken:
                    outcome = await self._go_on_with_retried(requests, broken)
        except Unread as unread:
            raise unread.error from unread
        return requests.add_up(outcome)

    async def _go_on_with_retried(self, requests: "_Requests", broken: BrokeDown) -> Outcome | None:
        """
        Look into the list of requests before a broken one is sent again: it may be paid for.

        Returns:
            The outcome of the latest request, where the list has it after all; None: fal runs
            another one in its place by itself, which is the latest one now.

        Raises:
            Unread: The list cannot be read now.
            Image2ModelError: The request broke down, and nothing runs in its place.
        """
        known = [request.request_id for request in requests.tried]
        try:
            retried = await self._reconciler.find_retried(requests.latest, known=known)
        except ProviderUnavailable as error:
            raise Unread(error) from error
        if retried is not None and retried.request_id == requests.latest.request_id:
            return await self._results.recover(retried)
        requests.add(broken.error.cost_usd)
        if retried is None:
            raise charged(broken.error, requests.earlier_usd) from broken
        _log.info("fal runs request %s again as %s", known[0], retried.request_id)
        requests.tried.append(retried)
        self._retried[known[0]] = retried
        return None

    async def _recover(self, handle: Handle) -> Outcome:
        """Find what became of a request that the queue has forgotten, as after a long downtime."""
        try:
            return await self._results.recover(handle)
        except (Unread, ProviderResultInvalid, ProviderAccountBlocked) as error:
            reason = "it knows nothing of this request any more; your account there may"
            rejected = ProviderRejected(provider=PROVIDER, reason=reason, kind="not_found")
            raise BrokeDown(rejected) from error

    async def _cost(self, handle: Handle, outcome: Outcome) -> Decimal | None:
        endpoint = str(handle.data["endpoint"])
        cost_usd = await self._platform.cost_usd(endpoint, outcome.units)
        if cost_usd is None or outcome.earlier_usd is None:
            return None
        return cost_usd + outcome.earlier_usd


@dataclass(slots=True, kw_only=True)
class _Requests:
    """
    A request, and those that fal made of it by itself when it broke down.

    Attributes:
        first: The one that was submitted.
        tried: All of them, the latest last.
        earlier_usd: What those that broke down were charged, in US dollars; None: not known.
    """

    first: InitVar[Handle]
    tried: list[Handle] = field(init=False)
    earlier_usd: Decimal | None = Decimal(0)

    def __post_init__(self, first: Handle) -> None:
        self.tried = [first]

    @property
    def latest(self) -> Handle:
        """The one that goes on."""
        return self.tried[-1]

    def add(self, cost_usd: Decimal | None) -> None:
        """Note what the latest one was charged; None: not known."""
        if self.earlier_usd is None or cost_usd is None:
            self.earlier_usd = None
        else:
            self.earlier_usd += cost_usd

    def add_up(self, outcome: Outcome) -> Outcome:
        """Add to *outcome* what was charged before it."""
        return replace(outcome, earlier_usd=self.earlier_usd)


def _row(generator: GeneratorId) -> Row:
    row = row_of(generator)
    assert row is not None, "the catalogue was asked before"
    return row


def create_provider(tools: ProviderTools) -> FalProvider:
    """
    Create the provider; the entry point `fal` names this.

    Raises:
        InvalidSetting: One of its settings cannot work.
    """
    return FalProvider(tools, read_config(tools.config))
