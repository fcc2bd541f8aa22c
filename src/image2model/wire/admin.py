"""What the HTTP API tells operators, and takes from them."""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from image2model.core.text.clean import table_cell
from image2model.wire.account import BudgetOut, SpendingStopOut
from image2model.wire.example_values import EXAMPLE_JOB
from image2model.wire.jobs import JobSummary
from image2model.wire.ledger import csv_line
from image2model.wire.model import ReplyModel, WireModel

_AT = "2026-11-30T17:00:00Z"
_KEY_OWNER = "key:0badcafe"

PurgeableName = Literal["jobs", "orphans", "sessions", "derived"]
_EVERYTHING: tuple[PurgeableName, ...] = ("jobs", "orphans", "sessions", "derived")

ActionName = Literal[
    "key_made",
    "key_changed",
    "key_revoked",
    "key_expired",
    "signed_in",
    "sign_in_failed",
    "budget_changed",
    "spending_stopped",
    "spending_allowed",
    "billed_beyond",
    "resubmitted",
    "job_cancelled",
    "job_deleted",
    "owner_cancelled",
    "purged",
    "share_made",
    "share_revoked",
    "webhook_added",
    "webhook_changed",
    "webhook_removed",
]


class StopIn(WireModel):
    """Why everything that costs money is stopped."""

    reason: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Why, for people: whoever has an item that waits reads it.",
        examples=["the bill is higher than expected"],
    )
    everything: bool = Field(
        False,
        description="Let nothing be sent that costs nothing, either.",
        examples=[False],
    )


class StopOut(SpendingStopOut):
    """What is stopped, why, and by whom."""

    by: str = Field(
        description="Who stopped it, as the audit log names them; `image2model`: by itself, for "
        "more was billed than expected.",
        examples=["operator"],
    )
    everything: bool = Field(
        description="Whether nothing at all is sent; false: nothing that costs money.",
        examples=[False],
    )


class QueueLineOut(ReplyModel):
    """How many items of a generator are in one state."""

    generator: str = Field(description="What makes them.", examples=["fal/tripo-v2.5"])
    state: Literal["queued", "submitting", "generating", "finishing", "uncertain"] = Field(
        description="Where they stand.", examples=["queued"]
    )
    items: int = Field(description="How many.", examples=[12])


class QueueOut(ReplyModel):
    """What is to be made, of running and paused jobs."""

    items: list[QueueLineOut] = Field(description="By generator and state.")
    waiting: int = Field(description="Items that wait to be begun.", examples=[12])
    waiting_since: datetime | None = Field(
        description="When the running job was started that has waited longest; null: none waits.",
        examples=[_AT],
    )


class MakerOut(ReplyModel):
    """What was spent, or is reserved, at one generator."""

    provider: str = Field(description="Whose generator it is.", examples=["fal"])
    generator: str = Field(description="Which.", examples=["fal/tripo-v2.5"])
    attempts: int = Field(description="How much was sent there in 30 days.", examples=[40])
    day_usd: float = Field(description="In the last 24 hours, in US dollars.", examples=[2.4])
    month_usd: float = Field(description="In the last 30 days, in US dollars.", examples=[12.0])


class OwnerOut(ReplyModel):
    """What an owner has and spends here; or all browser sessions without a key together."""

    owner: str = Field(
        description="`key:ID`, `user:NAME`, or `local` for the command line; empty: all browser "
        "sessions without an API key.",
        examples=[_KEY_OWNER],
    )
    name: str = Field(description="For people; may be empty.", examples=["office"])
    owners: int = Field(description="How many owners these are.", examples=[1])
    jobs: int = Field(description="Their jobs, drafts included.", examples=[7])
    unfinished_jobs: int = Field(
        description="The drafts, running and paused ones among them.", examples=[1]
    )
    stored_bytes: int = Field(
        description="Bytes of pictures, kept results, and what was made of those.",
        examples=[48_211_300],
    )
    day_usd: float = Field(description="Spent in the last 24 hours.", examples=[2.4])
    month_usd: float = Field(description="Spent in the last 30 days.", examples=[12.0])
    day_limit_usd: float | None = Field(
        description="The most they may spend in 24 hours; null: no limit of their own.",
        examples=[5.0],
    )
    month_limit_usd: float | None = Field(description="The same in 30 days.", examples=[50.0])
    last_active_at: datetime | None = Field(
        description="When they made a job or used their key last; null: never.", examples=[_AT]
    )


class SpaceOut(ReplyModel):
    """What is free where a folder is."""

    folder: str = Field(description="On the server.", examples=["/data"])
    free_bytes: int = Field(description="Free now.", examples=[81_000_000_000])
    reserve_bytes: int = Field(
        description="What is kept free: with less, nothing new is begun.", examples=[500_000_000]
    )


class StorageOut(ReplyModel):
    """What files take, in bytes."""

    picture_bytes: int = Field(description="Pictures.", examples=[31_000_000])
    result_bytes: int = Field(description="Kept results.", examples=[480_000_000])
    derived_bytes: int = Field(
        description="What was made of those, such as other formats; it can be made again.",
        examples=[64_000_000],
    )
    spaces: list[SpaceOut] = Field(description="The folders that are written to.")


class UrlsOut(ReplyModel):
    """How a provider's URLs of results fared since this web process began."""

    provider: str = Field(description="Whose.", examples=["fal"])
    alive: int = Field(description="How often one was there.", examples=[120])
    dead: int = Field(description="How often one was not.", examples=[2])
    last_dead_at: datetime | None = Field(
        description="When one was missing last; null: none was.", examples=[_AT]
    )


class OverviewOut(ReplyModel):
    """What an operator sees at one glance."""

    health: dict[str, str] = Field(
        description="For each part `ok`, or what is wrong, as `/health/ready` tells it.",
        examples=[{"database": "ok", "storage": "ok"}],
    )
    queue: QueueOut = Field(description="What is to be made.")
    stop: StopOut | None = Field(description="What is stopped now; null: nothing.")
    makers: list[MakerOut] = Field(description="What is spent at each generator.")
    budgets: list[BudgetOut] = Field(description="What is spent of the budgets of all callers.")
    owners: list[OwnerOut] = Field(
        description="API keys and people, those active last first; 500 at most."
    )
    anonymous: OwnerOut = Field(description="All browser sessions without an API key together.")
    storage: StorageOut = Field(description="What files take, and what is free.")
    urls: list[UrlsOut] = Field(description="How providers' URLs of results fared.")


class OwnedJob(JobSummary):
    """A job without its items, and whose it is."""

    owner: str = Field(description="Whose it is.", examples=[_KEY_OWNER])


class OwnedJobList(ReplyModel):
    """One page of everybody's jobs, newest first."""

    jobs: list[OwnedJob] = Field(description="Without their items.")
    next: str | None = Field(
        description="Pass it as `cursor` for more; null: this was the last page.", examples=[None]
    )


class CancelledOut(ReplyModel):
    """What of an owner's was cancelled."""

    jobs: list[str] = Field(description="Their running and paused jobs.", examples=[[EXAMPLE_JOB]])


class PurgeIn(WireModel):
    """What to remove."""

    what: list[PurgeableName] = Field(
        list(_EVERYTHING),
        min_length=1,
        max_length=4,
        description="`jobs`: those past their retention; `orphans`: files of a day and more that "
        "no job names; `sessions`: those that are over; `derived`: other formats, thumbnails and "
        "turntables, which are made again when somebody asks.",
        examples=[["jobs", "orphans"]],
    )
    dry_run: bool = Field(
        False, description="Tell how much there is, and remove nothing.", examples=[True]
    )


class PurgeOut(ReplyModel):
    """How much was removed, or would be."""

    dry_run: bool = Field(description="Whether nothing was removed.", examples=[True])
    jobs: int = Field(description="Jobs.", examples=[3])
    orphans: int = Field(description="Files that no job names.", examples=[0])
    orphan_bytes: int = Field(description="What they take.", examples=[0])
    sessions: int = Field(description="Sessions that are over.", examples=[11])
    derived_bytes: int = Field(description="Bytes of derived files.", examples=[64_000_000])


class AuditEntryOut(ReplyModel):
    """One line of the audit log."""

    id: str = Field(description="32 hex digits.", examples=["5d0c1a7e93b2f8465d0c1a7e93b2f846"])
    at: datetime = Field(description="When.", examples=[_AT])
    actor: str = Field(
        description="Who: an owner, `operator` at the machine itself, `cli:USER` at its command "
        "line, or `image2model` by itself.",
        examples=[_KEY_OWNER],
    )
    address: str = Field(description="From where; empty: not over HTTP.", examples=["203.0.113.7"])
    action: ActionName = Field(description="What.", examples=["key_made"])
    details: dict[str, Any] = Field(
        description="More of it, without secrets.", examples=[{"key": "0badcafe", "name": "office"}]
    )


class AuditList(ReplyModel):
    """One page of the audit log, newest first."""

    entries: list[AuditEntryOut] = Field(description="The entries.")
    next: str | None = Field(
        description="Pass it as `cursor` for more; null: this was the last page.", examples=[None]
    )


_COLUMNS = ("at", "actor", "address", "action", "details")


def audit_csv_header() -> str:
    """Write the first line of the audit log as CSV (RFC 4180)."""
    return csv_line(_COLUMNS)


def audit_csv_line(entry: AuditEntryOut) -> str:
    """Write one line of the audit log as CSV; the details are JSON."""
    shown = entry.model_dump(mode="json")
    shown["details"] = json.dumps(shown["details"], ensure_ascii=False)
    return csv_line([table_cell(shown[column]) for column in _COLUMNS])


def audit_json_line(entry: AuditEntryOut) -> str:
    """Write one line of the audit log as JSON."""
    return f"{entry.model_dump_json()}\n"
