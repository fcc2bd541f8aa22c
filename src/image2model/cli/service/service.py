"""Where the command line takes jobs: this process, or a server."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from image2model.cli.arguments.sheets import SourceSheet
from image2model.cli.arguments.subjects import Subject
from image2model.core.output import Output
from image2model.jobs.archives.plan import ArchiveRequest
from image2model.wire.generators import EstimateOut, GeneratorOut
from image2model.wire.inspection import FidelityOut
from image2model.wire.items import FileOut
from image2model.wire.jobs import JobOut, JobSummary
from image2model.wire.ledger import LedgerEntryOut
from image2model.wire.webhooks import DeliveryOut, WebhookOut, WebhookSecretOut

if TYPE_CHECKING:
    from image2model.cli.service.operator import EmbeddedOperator
    from image2model.client.admin import AdminClient

Resolution = Literal["resubmit", "give_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What is to be made.

    Attributes:
        generator: Its id.
        options: With every default filled in.
        output: What the models shall come as.
        subjects: What to make models of.
        sheet: What a spreadsheet says of them; None: there is none.
        name: The job's, for people; "": named after its items.
        budget_usd: The most the job may cost, in US dollars; None: no limit.
        keep: What happens to results; None: as is usual there.
        key: The same key again returns the same job.
        reuse: Take over what was made before of the same pictures with the same settings.
    """

    generator: str
    options: Mapping[str, Any]
    output: Output
    subjects: Sequence[Subject]
    sheet: SourceSheet | None
    name: str
    budget_usd: Decimal | None
    keep: Literal["keep", "links"] | None
    key: str
    reuse: bool


class Desk(Protocol):
    """
    Takes jobs in, and tells and does with them what the HTTP API does, in its words.

    Every call waits for its answer and may be interrupted by Ctrl-C.
    """

    @property
    def works_here(self) -> bool:
        """Whether work stops when this process ends."""
        ...

    @property
    def item_limit(self) -> int | None:
        """The most items of one job; None: not known, the desk itself will say."""
        ...

    @property
    def formats(self) -> Sequence[str] | None:
        """What models can be had in; None: not known, each request will say."""
        ...

    def generators(self) -> Sequence[GeneratorOut]:
        """List the generators, the default one first."""
        ...

    def generator(self, generator: str | None) -> GeneratorOut:
        """Describe a generator; None: the default one. Raises GeneratorNotFound."""
        ...

    def estimate(
        self, generator: str, options: Mapping[str, Any], *, items: int, items_with_views: int
    ) -> EstimateOut:
        """Forecast a job. Raises InvalidOptions where the options do not fit."""
        ...

    def day_left_usd(self) -> float | None:
        """Tell what is left of the budget of a day, in US dollars; None: there is no such one."""
        ...

    def submit(self, order: Order) -> JobOut:
        """Take a job in. Raises AlreadyRunning, IdempotencyKeyReused, and what is wrong with it."""
        ...

    def follow(self, job: str) -> Iterator[JobOut]:
        """Yield the job now and as it changes, until nothing more happens by itself."""
        ...

    def job(self, job: str) -> JobOut:
        """Read a job. Raises JobNotFound."""
        ...

    def jobs(self, *, text: str = "", state: str | None = None) -> Iterator[JobSummary]:
        """List the jobs, newest first."""
        ...

    def cancel(self, job: str, item: int | None) -> JobOut:
        """Cancel a job, or one item of it."""
        ...

    def retry(self, job: str, items: Sequence[int] | None) -> JobOut:
        """Make the failed items again, or some failed or cancelled items."""
        ...

    def pause(self, job: str) -> JobOut:
        """Start no further items."""
        ...

    def resume(self, job: str) -> JobOut:
        """Let a paused job go on."""
        ...

    def resolve(self, job: str, item: int, resolution: Resolution) -> JobOut:
        """Decide about an item of which nobody knows whether the provider accepted it."""
        ...

    def delete(self, job: str) -> None:
        """Delete a job with its pictures and results."""
        ...

    def ledger(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[LedgerEntryOut]:
        """List what was sent to providers between two moments, newest first."""
        ...

    @property
    def operator(self) -> "AdminClient | EmbeddedOperator":
        """What operators see and do here."""
        ...

    def webhooks(self) -> Sequence[WebhookOut]:
        """List the webhooks, oldest first."""
        ...

    def add_webhook(self, url: str, *, events: Sequence[str], named_only: bool) -> WebhookSecretOut:
        """Have events posted to a URL. Raises TooManyWebhooks."""
        ...

    def switch_webhook(self, webhook: str, *, enabled: bool) -> WebhookOut:
        """Switch a webhook on or off. Raises WebhookNotFound."""
        ...

    def remove_webhook(self, webhook: str) -> None:
        """Remove a webhook with its log. Raises WebhookNotFound."""
        ...

    def rotate_webhook(self, webhook: str) -> WebhookSecretOut:
        """Give a webhook a new secret. Raises WebhookNotFound."""
        ...

    def test_webhook(self, webhook: str) -> DeliveryOut:
        """Have a test sent. Raises WebhookNotFound."""
        ...

    def deliveries(self, webhook: str) -> Iterator[DeliveryOut]:
        """List what was, or is to be, sent to a webhook, newest first. Raises WebhookNotFound."""
        ...

    def replay_delivery(self, webhook: str, delivery: str) -> DeliveryOut:
        """Have a delivery sent again. Raises WebhookNotFound, DeliveryNotFound."""
        ...

    def save_file(self, job: str, item: int, file: FileOut, path: Path) -> None:
        """Write a file of a result to *path*."""
        ...

    def save_model(
        self, job: str, item: int, format_name: str, adjust: Mapping[str, Any], path: Path
    ) -> None:
        """Write an item's model in the format asked for, and adjusted, to *path*."""
        ...

    def fidelity(self, job: str, item: int) -> FidelityOut:
        """Compare an item's model with its photo. Raises FileNotInResult where there is none."""
        ...

    def save_archive(self, job: str, wanted: ArchiveRequest, path: Path) -> None:
        """Write all of a job as one ZIP file to *path*."""
        ...
