"""The desk at a server: what it says over HTTP."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from image2model.cli.service.service import Order, Resolution
from image2model.client.admin import AdminClient
from image2model.client.client import Client, archive_url, model_url
from image2model.core.errors import InvalidRequest
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.settings import Settings
from image2model.wire.generators import EstimateOut, GeneratorOut
from image2model.wire.inspection import FidelityOut
from image2model.wire.items import FileOut
from image2model.wire.jobs import JobOut, JobSummary
from image2model.wire.ledger import LedgerEntryOut
from image2model.wire.webhooks import DeliveryOut, WebhookOut, WebhookSecretOut


@contextmanager
def open_remote(settings: Settings, *, url: str, api_key: str | None) -> Iterator["ServerDesk"]:
    """
    Speak to the server at *url*.

    Without a key, jobs belong to a session whose secret is remembered in the data folder, so that
    the next command finds them.

    Raises:
        InvalidRequest: *url* is not one of a web server.
    """
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest(field="--server", reason="must begin with http:// or https://.")
    sessions = _Sessions(settings.data_dir / "server-sessions.json")
    known = None if api_key else sessions.read(url)
    with Client(url, api_key=api_key, session=known) as client:
        try:
            yield ServerDesk(client)
        finally:
            if not api_key and client.session and client.session != known:
                sessions.write(url, client.session)


class _Sessions:
    """The secrets of sessions by the server's address, in a file that only its owner reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}

    def read(self, url: str) -> str | None:
        return self._all().get(url)

    def write(self, url: str, session: str) -> None:
        part = self._path.with_suffix(f".{os.getpid()}.part")
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.touch(mode=0o600)
        part.write_text(json.dumps({**self._all(), url: session}), encoding="utf-8")
        part.replace(self._path)


class ServerDesk:
    """A `Desk` over the Python SDK."""

    works_here = False
    item_limit: int | None = None
    formats: Sequence[str] | None = None

    def __init__(self, client: Client) -> None:
        self._client = client

    def generators(self) -> Sequence[GeneratorOut]:
        """List the generators, the default one first."""
        return self._client.generators()

    def generator(self, generator: str | None) -> GeneratorOut:
        """Describe a generator; None: the default one."""
        return self._client.generator(generator) if generator else self.generators()[0]

    def estimate(
        self, generator: str, options: Mapping[str, Any], *, items: int, items_with_views: int
    ) -> EstimateOut:
        """Forecast a job."""
        return self._client.estimate(
            generator=generator, options=options, items=items, items_with_views=items_with_views
        )

    def day_left_usd(self) -> float | None:
        """Tell what is left of the server's budget of a day."""
        account = self._client.account()
        if account.day_budget_usd is None:
            return None
        left_usd = Decimal(str(account.day_budget_usd)) - Decimal(str(account.day_spent_usd))
        return float(max(Decimal(0), left_usd))

    def submit(self, order: Order) -> JobOut:
        """Upload the pictures and start a job."""
        pictures: list[Path] = []
        views: list[Mapping[str, Any]] = []
        for subject in order.subjects:
            first = len(pictures)
            pictures += [picture.path for picture in subject.pictures.values()]
            places = zip(subject.pictures, range(first, len(pictures)), strict=True)
            views.append({"name": subject.name, "views": {view.value: n for view, n in places}})
        return self._client.submit(
            pictures,
            generator=order.generator,
            options=order.options,
            formats=order.output.formats,
            adjust=order.output.adjust,
            name=order.name,
            budget_usd=None if order.budget_usd is None else float(order.budget_usd),
            keep=order.keep,
            idempotency_key=order.key,
            reuse=order.reuse,
            views=views,
            sheet=order.sheet.path if order.sheet else None,
        )

    def follow(self, job: str) -> Iterator[JobOut]:
        """Yield the job now and as it changes, until nothing more happens by itself."""
        return self._client.watch(job)

    def job(self, job: str) -> JobOut:
        """Read a job."""
        return self._client.job(job)

    def jobs(self, *, text: str = "", state: str | None = None) -> Iterator[JobSummary]:
        """List the jobs, newest first."""
        for page in self._client.jobs(text=text, state=state):
            yield from page.jobs

    def cancel(self, job: str, item: int | None) -> JobOut:
        """Cancel a job, or one item of it."""
        return self._client.cancel(job, item=item)

    def retry(self, job: str, items: Sequence[int] | None) -> JobOut:
        """Make the failed items again, or some failed or cancelled items."""
        if items is None:
            return self._client.retry(job)
        *_, changed = [self._client.retry(job, item=item) for item in items]
        return changed

    def pause(self, job: str) -> JobOut:
        """Start no further items."""
        return self._client.pause(job)

    def resume(self, job: str) -> JobOut:
        """Let a paused job go on."""
        return self._client.resume(job)

    def resolve(self, job: str, item: int, resolution: Resolution) -> JobOut:
        """Decide about an item of which nobody knows whether the provider accepted it."""
        return self._client.resolve(job, item, resolution)

    def delete(self, job: str) -> None:
        """Delete a job with its pictures and results."""
        self._client.delete(job)

    def ledger(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[LedgerEntryOut]:
        """List what was sent to providers between two moments, newest first."""
        return self._client.ledger(since=since, until=until)

    @property
    def operator(self) -> AdminClient:
        """What operators see and do there."""
        return self._client.admin

    def webhooks(self) -> Sequence[WebhookOut]:
        """List the webhooks, oldest first."""
        return self._client.webhooks()

    def add_webhook(self, url: str, *, events: Sequence[str], named_only: bool) -> WebhookSecretOut:
        """Have events posted to a URL."""
        return self._client.add_webhook(url, events=events, named_only=named_only)

    def switch_webhook(self, webhook: str, *, enabled: bool) -> WebhookOut:
        """Switch a webhook on or off."""
        return self._client.change_webhook(webhook, enabled=enabled)

    def remove_webhook(self, webhook: str) -> None:
        """Remove a webhook with its log."""
        self._client.remove_webhook(webhook)

    def rotate_webhook(self, webhook: str) -> WebhookSecretOut:
        """Give a webhook a new secret."""
        return self._client.rotate_webhook(webhook)

    def test_webhook(self, webhook: str) -> DeliveryOut:
        """Have a test sent."""
        return self._client.test_webhook(webhook)

    def deliveries(self, webhook: str) -> Iterator[DeliveryOut]:
        """List what was, or is to be, sent to a webhook, newest first."""
        return self._client.deliveries(webhook)

    def replay_delivery(self, webhook: str, delivery: str) -> DeliveryOut:
        """Have a delivery sent again."""
        return self._client.replay_delivery(webhook, delivery)

    def save_file(self, job: str, item: int, file: FileOut, path: Path) -> None:  # noqa: ARG002
        """Write a file of a result to *path*."""
        self._client.save(file.url, path)

    def save_model(
        self, job: str, item: int, format_name: str, adjust: Mapping[str, Any], path: Path
    ) -> None:
        """Write an item's model in the format asked for, and adjusted, to *path*."""
        self._client.save(model_url(job, item, format_name, adjust=adjust), path)

    def fidelity(self, job: str, item: int) -> FidelityOut:
        """Compare an item's model with its photo."""
        return self._client.fidelity(job, item)

    def save_archive(self, job: str, wanted: ArchiveRequest, path: Path) -> None:
        """Write all of a job as one ZIP file to *path*."""
        url = archive_url(
            job,
            formats=wanted.formats,
            adjust=wanted.adjust,
            template=wanted.template,
            previews=wanted.previews,
            pictures=wanted.pictures,
            scores=wanted.scores,
        )
        self._client.save(url, path)
