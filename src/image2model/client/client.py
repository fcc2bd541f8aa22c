"""The Python SDK: submit pictures, watch them become models, download the files."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode
from uuid import uuid4

from image2model.client.admin import AdminClient
from image2model.client.connection import Connection
from image2model.client.events import Event
from image2model.core.errors import NoPictures, ServerUnreachable
from image2model.wire.account import AccountOut, ForgottenOut
from image2model.wire.generators import EstimateIn, EstimateOut, GeneratorList, GeneratorOut
from image2model.wire.inspection import FidelityOut, InspectionOut
from image2model.wire.items import FileOut, ItemOut
from image2model.wire.jobs import JobList, JobOut
from image2model.wire.keys import KeyList, KeyMade, KeyOut, ScopeName
from image2model.wire.ledger import LedgerEntryOut, LedgerList
from image2model.wire.paths import API_PREFIX
from image2model.wire.shares import NewShareOut, ShareIn, ShareOut, SharesOut
from image2model.wire.webhooks import (
    DeliveryList,
    DeliveryOut,
    WebhookList,
    WebhookOut,
    WebhookSecretOut,
)

DEFAULT_URL = "http://127.0.0.1:8000"
_AGAIN_AFTER_S = 1.0
_GIVE_UP_AFTER_S = 120.0
_SETTLED = frozenset({"succeeded", "failed", "cancelled", "uncertain"})


class Client:
    """
    Talks to an image2model server; use it as a context manager.

    Jobs belong to whoever made them: with an API key, to the key; without one, to this client's
    session, which begins with its first job. Not to be shared between threads.

    What the server refuses is raised as the error that it raised itself, such as `JobNotFound`.
    Every method raises ServerUnreachable where no server answers.

    Args:
        url: The server's address.
        api_key: `i2m_…`, or None for a session.
        session: What `session` of an earlier client was: reaches the same jobs. None: a new one.
        timeout_s: How long to wait for the server to begin an answer, in seconds.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        session: str | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._server = Connection(url, api_key=api_key, session=session, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections. May be called twice."""
        self._server.close()

    @property
    def admin(self) -> AdminClient:
        """What operators see and do; for keys with the scope `admin`."""
        return AdminClient(self._server)

    @property
    def session(self) -> str | None:
        """The secret that reaches this client's jobs; None: it has made none, or has an API key."""
        return self._server.session

    # --- jobs -------------------------------------------------------------------------------

    def submit(
        self,
        pictures: Sequence[str | Path],
        *,
        generator: str | None = None,
        options: Mapping[str, Any] | None = None,
        formats: Sequence[str] = (),
        adjust: Mapping[str, Any] | None = None,
        name: str = "",
        budget_usd: float | None = None,
        keep: Literal["keep", "links"] | None = None,
        idempotency_key: str | None = None,
        reuse: bool = False,
        views: Sequence[Mapping[str, Any]] | None = None,
        sheet: str | Path | None = None,
        webhook_url: str | None = None,
    ) -> JobOut:
        """
        Upload *pictures* and start a job; one item for each, unless *views* groups them.

        It is sent again when the answer is lost on the way, which makes no second job: it carries
        an idempotency key.

        Args:
            pictures: Files to upload.
            generator: Such as `local/puff`; None: the server's default.
            options: The generator's options; what is left out has its default.
            formats: That every result shall have, beside the one delivered, such as `stl`.
            adjust: What the models shall be adjusted to, such as `{"height_mm": 80}`.
            name: For people; "": named after the pictures.
            budget_usd: The most the job may cost, in US dollars.
            keep: Whether results are kept by the server, or their provider's URLs alone; None: as
                the server is set.
            idempotency_key: The same key again returns the same job; None: a new one.
            reuse: Take over results of the same pictures and settings instead of making them.
            views: One entry for each item, such as
                `{"name": "teapot", "views": {"front": 0, "back": 1}}`, naming positions in
                *pictures*; None: each picture is an item of its own.
            sheet: A CSV or XLSX file that names and describes the objects; None: none.
            webhook_url: Where the job's events are posted, beside your webhooks; None: nowhere.

        Raises:
            InvalidInputError, LimitError, GeneratorNotFound: The server refused it.
            AlreadyRunning: With *reuse*: the same is being made in other jobs.
            OSError: A picture cannot be read.
        """
        fields: dict[str, str] = {"name": name, "options": json.dumps(dict(options or {}))}
        if generator is not None:
            fields["generator"] = generator
        if formats:
            fields["formats"] = json.dumps(list(formats))
        if adjust:
            fields["adjust"] = json.dumps(dict(adjust))
        if budget_usd is not None:
            fields["budget_usd"] = str(budget_usd)
        if webhook_url is not None:
            fields["webhook_url"] = webhook_url
        if keep is not None:
            fields["keep"] = keep
        if reuse:
            fields["reuse"] = "true"
        if views is not None:
            fields["views"] = json.dumps([dict(view) for view in views])
        key = idempotency_key or uuid4().hex
        files = [("files", Path(picture)) for picture in pictures]
        if not files:
            raise NoPictures
        if sheet is not None:
            files.append(("sheet", Path(sheet)))
        return self._server.upload(JobOut, "/jobs", files, fields, key=key)

    def job(self, job_id: str) -> JobOut:
        """Read a job with its items."""
        return self._server.ask(JobOut, "GET", f"/jobs/{job_id}")

    def jobs(
        self, *, text: str = "", state: str | None = None, limit: int | None = None
    ) -> Iterator[JobList]:
        """Yield the jobs page by page, newest first; *limit* bounds each page."""
        query: dict[str, str] = {"q": text} if text else {}
        if state:
            query["state"] = state
        if limit:
            query["limit"] = str(limit)
        yield from self._server.pages(JobList, "/jobs", query)

    def watch(self, job_id: str) -> Iterator[JobOut]:
        """
        Yield the job now and after every change, until nothing more will happen by itself.

        Ends when every item is final or waits for a person's decision. A lost connection is taken
        up again where it broke.

        Raises:
            JobNotFound: The job is not there (any more).
            ServerUnreachable: The server stayed away for two minutes.
        """
        job: JobOut | None = None
        lost_at_s: float | None = None
        while job is None or not is_settled(job):
            try:
                for event in self._server.events(
                    f"/jobs/{job_id}/events", after=job.version if job else None
                ):
                    job, lost_at_s = _apply(job, event), None
                    if job is not None:
                        yield job
            except ServerUnreachable:
                lost_at_s = lost_at_s or time.monotonic()
                if time.monotonic() - lost_at_s > _GIVE_UP_AFTER_S:
                    raise
            if job is None or not is_settled(job):
                time.sleep(_AGAIN_AFTER_S)

    def wait(self, job_id: str) -> JobOut:
        """Wait until nothing more happens by itself; returns the job as it is then."""
        *_, settled = self.watch(job_id)
        return settled

    def cancel(self, job_id: str, *, item: int | None = None) -> JobOut:
        """Cancel a job, or one item of it."""
        return self._act(job_id, "cancel", item)

    def retry(self, job_id: str, *, item: int | None = None) -> JobOut:
        """
        Make failed items again, or one named item.

        What was made and paid for is fetched again, which is free; see `resubmit`.
        """
        return self._act(job_id, "retry", item)

    def resubmit(self, job_id: str, *, item: int | None = None) -> JobOut:
        """
        Make items again, and pay for them again, that were paid for and are lost.

        Those are the items with a `resubmit_usd`, which is what each will cost.

        Args:
            job_id: The job.
            item: Only this one; None: all that are offered, which may be none.

        Raises:
            WrongState: The named item is not offered to be made again.
        """
        if item is not None:
            return self.resolve(job_id, item, "resubmit")
        job = self.job(job_id)
        for one in job.items:
            if one.resubmit_usd is not None:
                job = self.resolve(job_id, one.index, "resubmit")
        return job

    def pause(self, job_id: str) -> JobOut:
        """Start no further items of a job."""
        return self._act(job_id, "pause", None)

    def resume(self, job_id: str) -> JobOut:
        """Let a paused job go on."""
        return self._act(job_id, "resume", None)

    def resolve(self, job_id: str, item: int, resolution: Literal["resubmit", "give_up"]) -> JobOut:
        """
        Decide about an item of which nobody knows whether the provider accepted it.

        `resubmit` is possible for an item with a `resubmit_usd` as well; it is paid for again.
        """
        path = f"/jobs/{job_id}/items/{item}/resolve"
        return self._server.ask(JobOut, "POST", path, json={"resolution": resolution})

    def delete(self, job_id: str) -> None:
        """Delete a job with its pictures and results."""
        self._server.send("DELETE", f"/jobs/{job_id}")

    def share(
        self,
        job_id: str,
        *,
        item: int | None = None,
        expires_in_s: int = 30 * 86_400,
        pictures: bool = False,
        note: str = "",
    ) -> NewShareOut:
        """
        Make a link through which whoever has it may look at a job, or at one item of it.

        Its `token` and `url` cannot be shown again.
        """
        wanted = ShareIn(item=item, expires_in_s=expires_in_s, pictures=pictures, note=note)
        path = f"/jobs/{job_id}/shares"
        return self._server.ask(NewShareOut, "POST", path, json=wanted.model_dump())

    def shares(self, job_id: str) -> list[ShareOut]:
        """List the links to a job that work, newest first."""
        return self._server.ask(SharesOut, "GET", f"/jobs/{job_id}/shares").shares

    def revoke_share(self, job_id: str, share_id: str) -> None:
        """Stop a link to a job from working, at once and for ever."""
        self._server.send("DELETE", f"/jobs/{job_id}/shares/{share_id}")

    def fidelity(self, job_id: str, item: int) -> FidelityOut:
        """Ask how well an item's model matches its photo."""
        return self._server.ask(FidelityOut, "GET", f"/jobs/{job_id}/items/{item}/fidelity")

    def inspect(self, job_id: str, item: int, *, printer_min_mm: float = 0.8) -> InspectionOut:
        """
        Ask what an item's model holds and whether it prints.

        Args:
            job_id: The job.
            item: The item's index, from 0.
            printer_min_mm: The thinnest wall the printer makes, in millimetres.
        """
        path = f"/jobs/{job_id}/items/{item}/inspect"
        query = {"printer_min_mm": printer_min_mm}
        return self._server.ask(InspectionOut, "GET", path, params=query)

    # --- files ------------------------------------------------------------------------------

    def download(self, file: FileOut, folder: str | Path, *, overwrite: bool = False) -> Path:
        """
        Download a file of a result into *folder*, whole or not at all.

        Returns:
            The file's path; see `save`.
        """
        return self.save(file.url, Path(folder) / file.name, overwrite=overwrite)

    def download_model(
        self,
        job: JobOut,
        item: ItemOut,
        folder: str | Path,
        format: str,  # noqa: A002
        *,
        adjust: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> Path:
        """
        Download an item's model in *format* (`glb`, `stl`, …) into *folder*.

        Args:
            job: The job.
            item: One that has succeeded.
            folder: Where the file goes.
            format: The format.
            adjust: What it shall be adjusted to, such as `{"height_mm": 80}`; None: as was wished
                when the job was made.
            overwrite: Replace a file that is there already.

        Returns:
            The file's path: the item's name with the format's extension; see `save`.
        """
        path = Path(folder) / f"{item.name}.{format}"
        url = model_url(job.id, item.index, format, adjust=adjust)
        return self.save(url, path, overwrite=overwrite)

    def download_archive(
        self,
        job_id: str,
        path: str | Path,
        *,
        formats: Sequence[str] = (),
        adjust: Mapping[str, Any] | None = None,
        template: str | None = None,
        previews: bool = True,
        pictures: bool = False,
        scores: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """
        Download all that a job has made as one ZIP file to *path*.

        Args:
            job_id: The job.
            path: Where the archive goes, whole or not at all.
            formats: Of the models; none: those wished of the job, or as delivered.
            adjust: What the models shall be adjusted to, such as `{"height_mm": 80}`.
            template: What the files are called, such as `{name}/{name}.{ext}`.
            previews: Add pictures of the models.
            pictures: Add the pictures they were made of.
            scores: Compare models with their photos first, so that the manifests have every score.
            overwrite: Replace a file that is there already.

        Returns:
            *path*, or another one; see `save`.
        """
        url = archive_url(
            job_id,
            formats=formats,
            adjust=adjust,
            template=template,
            previews=previews,
            pictures=pictures,
            scores=scores,
        )
        return self.save(url, Path(path), overwrite=overwrite)

    def save(self, url: str, path: Path, *, overwrite: bool = False) -> Path:
        """
        Download what is at *url* on the server to the file *path*, whole or not at all.

        Args:
            url: Of the server, as its answers name it.
            path: Where the file goes.
            overwrite: Replace a file that is there already. Otherwise it stays, and the new one
                gets a number, as in `mug-2.glb`, unless it has the same content.

        Returns:
            Where the file is.

        Raises:
            NotFoundError: It is not there.
            OSError: It cannot be written.
        """
        return self._server.save(url, path, overwrite=overwrite)

    # --- generators -------------------------------------------------------------------------

    def generators(self) -> list[GeneratorOut]:
        """List the generators, the server's default one first."""
        return self._server.ask(GeneratorList, "GET", "/generators").generators

    def generator(self, generator: str) -> GeneratorOut:
        """Describe one generator, listed or not."""
        return self._server.ask(GeneratorOut, "GET", f"/generators/{quote(generator)}")

    def estimate(
        self,
        *,
        items: int = 1,
        items_with_views: int = 0,
        generator: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> EstimateOut:
        """
        Ask what a job would cost and how long it would take.

        Args:
            items: How many items.
            items_with_views: How many of them have more than one picture.
            generator: None: the server's default one.
            options: The generator's options.
        """
        body = EstimateIn(
            generator=generator,
            options=dict(options or {}),
            items=items,
            items_with_views=items_with_views,
        )
        return self._server.ask(EstimateOut, "POST", "/estimate", json=body.model_dump())

    # --- money ------------------------------------------------------------------------------

    def ledger(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[LedgerEntryOut]:
        """
        Yield every try of every item, newest first, those of deleted jobs too.

        Args:
            since: Only what was sent then or later; with a time zone.
            until: Only what was sent before then; with a time zone.
        """
        query = {"limit": "500"}
        if since is not None:
            query["from"] = since.isoformat()
        if until is not None:
            query["to"] = until.isoformat()
        for page in self._server.pages(LedgerList, "/ledger", query):
            yield from page.entries

    def account(self) -> AccountOut:
        """Tell who this client is to the server, and what is left of the budget of a day."""
        return self._server.ask(AccountOut, "GET", "/account")

    def forget_me(self) -> ForgottenOut:
        """
        Delete all jobs of this client's key, with their files.

        What is under way is cancelled first. What was paid stays in the server's ledger.
        """
        return self._server.ask(ForgottenOut, "DELETE", "/account")

    # --- API keys ---------------------------------------------------------------------------

    def api_keys(self) -> Sequence[KeyOut]:
        """List the server's API keys, newest first; needs a key with the scope `admin`."""
        return self._server.ask(KeyList, "GET", "/keys").keys

    def api_key(self, key_id: str) -> KeyOut:
        """Read about an API key; needs a key with the scope `admin`."""
        return self._server.ask(KeyOut, "GET", f"/keys/{key_id}")

    def create_key(
        self,
        name: str,
        *,
        scopes: Sequence[ScopeName] = ("read", "generate"),
        expires_at: datetime | None = None,
        job_usd: float | None = None,
        day_usd: float | None = None,
        month_usd: float | None = None,
        generators: Sequence[str] | None = None,
    ) -> KeyMade:
        """
        Make an API key; needs a key with the scope `admin`.

        Args:
            name: Whose key it is, for people.
            scopes: What it may do; each includes those before it.
            expires_at: When it stops working, with a time zone; None: never.
            job_usd: The most each job may cost, in US dollars; None: no limit.
            day_usd: The most in any 24 hours.
            month_usd: The most in any 30 days.
            generators: Ids of those it may use, `*` standing for any text; None: all.

        Returns:
            The key with its secret, which cannot be read again.
        """
        wanted = {
            "name": name,
            "scopes": list(scopes),
            "expires_at": None if expires_at is None else expires_at.isoformat(),
            "limits": {"job_usd": job_usd, "day_usd": day_usd, "month_usd": month_usd},
            "generators": None if generators is None else list(generators),
        }
        return self._server.ask(KeyMade, "POST", "/keys", json=wanted)

    def change_key(self, key_id: str, **changes: Any) -> KeyOut:
        """
        Change what an API key may do; needs a key with the scope `admin`.

        Args:
            key_id: Its `id`.
            changes: What to change, as `PATCH /keys/{id}` takes it: `name`, `scopes`,
                `expires_at` (with a time zone), `limits`, `generators`.
        """
        if isinstance(changes.get("expires_at"), datetime):
            changes["expires_at"] = changes["expires_at"].isoformat()
        return self._server.ask(KeyOut, "PATCH", f"/keys/{key_id}", json=changes)

    def revoke_key(self, key_id: str) -> None:
        """Stop an API key from working, and its waiting items from being sent."""
        self._server.send("DELETE", f"/keys/{key_id}")

    # --- webhooks ---------------------------------------------------------------------------

    def webhooks(self) -> list[WebhookOut]:
        """List your webhooks, oldest first, without their secrets."""
        return self._server.ask(WebhookList, "GET", "/webhooks").webhooks

    def add_webhook(
        self, url: str, *, events: Sequence[str] = (), named_only: bool = False
    ) -> WebhookSecretOut:
        """
        Have events posted to *url*. The answer has the secret, which is not told again.

        Args:
            url: Public https.
            events: Which it hears of, such as `job.finished`; empty: all.
            named_only: Whether it hears only of jobs whose `webhook_url` is *url*.

        Raises:
            InvalidRequest: The URL or an event is refused.
            TooManyWebhooks: You have as many as allowed.
        """
        body = {"url": url, "events": list(events), "named_only": named_only}
        return self._server.ask(WebhookSecretOut, "POST", "/webhooks", json=body)

    def webhook(self, webhook_id: str) -> WebhookOut:
        """Read a webhook. Raises WebhookNotFound."""
        return self._server.ask(WebhookOut, "GET", f"/webhooks/{webhook_id}")

    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        named_only: bool | None = None,
        enabled: bool | None = None,
    ) -> WebhookOut:
        """
        Change what is given; None leaves it.

        `enabled=True` switches on again what was switched off because it failed.
        """
        body = {
            "url": url,
            "events": None if events is None else list(events),
            "named_only": named_only,
            "enabled": enabled,
        }
        return self._server.ask(WebhookOut, "PATCH", f"/webhooks/{webhook_id}", json=body)

    def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook with its log."""
        self._server.send("DELETE", f"/webhooks/{webhook_id}")

    def rotate_webhook(self, webhook_id: str) -> WebhookSecretOut:
        """Make a new secret; the one before signs along for 24 hours."""
        return self._server.ask(WebhookSecretOut, "POST", f"/webhooks/{webhook_id}/rotate")

    def test_webhook(self, webhook_id: str) -> DeliveryOut:
        """Have a test sent; its delivery says what came of it."""
        return self._server.ask(DeliveryOut, "POST", f"/webhooks/{webhook_id}/test")

    def deliveries(self, webhook_id: str) -> Iterator[DeliveryOut]:
        """Yield what was, or is to be, sent to a webhook, newest first."""
        path = f"/webhooks/{webhook_id}/deliveries"
        for page in self._server.pages(DeliveryList, path, {"limit": "500"}):
            yield from page.deliveries

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> DeliveryOut:
        """Have a delivery sent again, with the same id and body."""
        path = f"/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"
        return self._server.ask(DeliveryOut, "POST", path)

    # --- the wire ---------------------------------------------------------------------------

    def _act(self, job_id: str, action: str, item: int | None) -> JobOut:
        place = f"/jobs/{job_id}" if item is None else f"/jobs/{job_id}/items/{item}"
        return self._server.ask(JobOut, "POST", f"{place}/{action}")


def model_url(
    job_id: str, item: int, format_name: str, *, adjust: Mapping[str, Any] | None = None
) -> str:
    """Tell where an item's model can be had in a format, relative to the server."""
    url = f"{API_PREFIX}/jobs/{job_id}/items/{item}/model.{quote(format_name)}"
    return f"{url}?{urlencode(_query(adjust))}" if adjust else url


def archive_url(
    job_id: str,
    *,
    formats: Sequence[str],
    adjust: Mapping[str, Any] | None = None,
    template: str | None,
    previews: bool,
    pictures: bool,
    scores: bool,
) -> str:
    """Tell where a job's archive can be had, relative to the server."""
    query = [*(("format", name) for name in formats), *_query(adjust)]
    query += [("template", template)] if template else []
    query += [("previews", str(previews).lower()), ("pictures", str(pictures).lower())]
    query += [("scores", "true")] if scores else []
    return f"{API_PREFIX}/jobs/{job_id}/archive.zip?{urlencode(query)}"


def _query(adjust: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(key, str(value).lower()) for key, value in (adjust or {}).items()]


def is_settled(job: JobOut) -> bool:
    """Tell whether nothing more will happen to *job* unless somebody asks for it."""
    states = {item.state for item in job.items}
    # Its last item's end is told before its own, so that alone does not count.
    return job.state == "finished" or ("uncertain" in states and states <= _SETTLED)


def _apply(job: JobOut | None, event: Event) -> JobOut | None:
    """Bring *job* up to date with one event of its stream."""
    if event.name == "snapshot":
        return JobOut.model_validate(event.data)
    if job is None or event.name not in {"job", "item"}:
        return job
    if event.name == "item":
        item = ItemOut.model_validate(event.data)
        others = [known for known in job.items if known.index != item.index]
        items = sorted([*others, item], key=lambda known: known.index)
        return job.model_copy(update={"items": items})
    return JobOut.model_validate({**event.data, "items": [i.model_dump() for i in job.items]})
