"""The tables. Times are seconds since 1970, money is in millionths of a US dollar."""

from enum import StrEnum

import sqlalchemy as sa

from image2model.core.generator import View
from image2model.core.job import FileRole, KeepPolicy
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.core.webhooks import DeliveryState, EventType, SwitchedOff

REVISION = "0010"
"""The migration that makes exactly these tables."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = sa.JSON(none_as_null=True)
Seconds: sa.Double[float] = sa.Double()
HexId = sa.String(32)


def words(members: type[StrEnum]) -> sa.Enum:
    """Make the type of a column that holds a word of *members*, as plain text."""
    return sa.Enum(
        members,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda enum: [member.value for member in enum],
    )


jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", HexId, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("folded_name", sa.Text, nullable=False),
    sa.Column("state", words(JobState), nullable=False),
    sa.Column("generator", sa.Text, nullable=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("output", Json, nullable=False),
    sa.Column("keep", words(KeepPolicy), nullable=False),
    sa.Column("budget_micro_usd", sa.BigInteger),
    sa.Column("starred", sa.Boolean, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("webhook_url", sa.Text),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("started_at", Seconds),
    sa.Column("finished_at", Seconds),
    sa.Column("life_s", sa.Double),
    sa.Column("expires_at", Seconds),
    sa.Column("touched_at", Seconds, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("owner", "idempotency_key"),
    sa.Index(None, "owner", "created_at", "id"),
    sa.Index(None, "state", "touched_at"),
    sa.Index(None, "expires_at"),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", HexId, primary_key=True),
    sa.Column("job_id", HexId, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    # Negative for a moment while items change places, for each index is unique at all times.
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", words(ItemState), nullable=False),
    sa.Column("made_key", sa.Text, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("fraction", sa.Double, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("queue_position", sa.Integer),
    sa.Column("eta_s", sa.Double),
    sa.Column("problem", Json),
    # The result's facts; NULL where there is no result.
    sa.Column("facts", Json),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("lease_owner", sa.Text),
    # 0 where there is no lease.
    sa.Column("lease_until", Seconds, nullable=False),
    # When it may be claimed; NULL: not at all (draft, final, uncertain).
    sa.Column("not_before", Seconds),
    sa.UniqueConstraint("job_id", "place"),
    sa.Index(None, "job_id", "version"),
    sa.Index(None, "made_key"),
)
# Of all items ever, few can be claimed and few are held: these two stay small.
for _column in (items.c.not_before, items.c.lease_owner):
    sa.Index(
        f"ix_items_{_column.name}",
        _column,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

pictures = sa.Table(
    "pictures",
    metadata,
    sa.Column("item_id", HexId, sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("view", words(View), primary_key=True),
    sa.Column("artifact", HexId, nullable=False, index=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("width_px", sa.Integer, nullable=False),
    sa.Column("height_px", sa.Integer, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    # Notes, credentials and source type; NULL where there are none, as for most.
    sa.Column("said", Json),
)

result_files = sa.Table(
    "result_files",
    metadata,
    sa.Column("item_id", HexId, sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", words(FileRole), nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("sha256", sa.String(64)),
    sa.Column("crc32", sa.BigInteger),
    sa.Column("artifact", HexId, index=True),
    sa.Column("provider_url", sa.Text),
    sa.Column("expires_at", Seconds),
    sa.Column("made_by", sa.Text),
    sa.Column("notes", Json, nullable=False),
)

# What is made of pictures and results, such as other formats; goes when the last of those goes.
derived_files = sa.Table(
    "derived_files",
    metadata,
    sa.Column("artifact", HexId, primary_key=True),
    sa.Column("source", HexId, nullable=False, index=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("used_at", Seconds, nullable=False, index=True),
)

# The ledger: lines stay when their job is deleted, so they tell all about it themselves.
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("submit_key", sa.Text, primary_key=True),
    sa.Column("item_id", HexId, sa.ForeignKey("items.id", ondelete="SET NULL"), index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("job_id", HexId, nullable=False, index=True),
    sa.Column("item_name", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("generator", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("state", words(AttemptState), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("request_id", sa.Text),
    sa.Column("handle", Json),
    sa.Column("submitted_at", Seconds, nullable=False, index=True),
    sa.Column("finished_at", Seconds),
    sa.Column("estimated_micro_usd", sa.BigInteger, nullable=False),
    sa.Column("cost_micro_usd", sa.BigInteger),
    sa.UniqueConstraint("provider", "request_id"),
    sa.Index("ix_attempts_owner_submitted_at", "owner", "submitted_at", "submit_key"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("expires_at", Seconds, nullable=False, index=True),
    # The same for all tokens of a session.
    sa.Column("session", sa.String(64), nullable=False, index=True),
    sa.Column("issued_at", Seconds, nullable=False),
    sa.Column("ends_at", Seconds, nullable=False),
    sa.Column("is_confirmed", sa.Boolean, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(8), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("revoked_at", Seconds),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("expires_at", Seconds),
    sa.Column("last_used_at", Seconds),
    sa.Column("job_limit_micro_usd", sa.BigInteger),
    sa.Column("day_limit_micro_usd", sa.BigInteger),
    sa.Column("month_limit_micro_usd", sa.BigInteger),
    sa.Column("generators", Json),
)

# From when on nothing of an owner's is sent any more.
owner_ends = sa.Table(
    "owner_ends",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("ends_at", Seconds, nullable=False),
)

shared_links = sa.Table(
    "shared_links",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(16), nullable=False, unique=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column(
        "job_id", HexId, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    # The only item it shows; NULL: all of the job.
    sa.Column("item", sa.Integer),
    sa.Column("pictures", sa.Boolean, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("expires_at", Seconds, nullable=False, index=True),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", HexId, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", Json, nullable=False),
    sa.Column("named_only", sa.Boolean, nullable=False),
    sa.Column("secrets", Json, nullable=False),
    sa.Column("switched_off", words(SwitchedOff)),
    sa.Column("failing_since", Seconds),
    sa.Column("created_at", Seconds, nullable=False),
)

# What happened and was not handed on yet.
webhook_events = sa.Table(
    "webhook_events",
    metadata,
    sa.Column("id", HexId, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("type", words(EventType), nullable=False),
    sa.Column("job_id", HexId, nullable=False),
    sa.Column("place", sa.Integer),
    sa.Column("at", Seconds, nullable=False, index=True),
    sa.Column("webhook_url", sa.Text),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column(
        "webhook_id", HexId, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("id", HexId, primary_key=True),
    sa.Column("type", words(EventType), nullable=False),
    sa.Column("job_id", HexId),
    sa.Column("place", sa.Integer),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", words(DeliveryState), nullable=False),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_at", Seconds),
    sa.Column("tried_at", Seconds),
    sa.Column("status", sa.Integer),
    sa.Column("note", sa.Text, nullable=False),
    sa.Index(None, "webhook_id", "created_at", "id"),
    sa.Index(None, "created_at"),
)
_next_at = webhook_deliveries.c.next_at
sa.Index(
    "ix_webhook_deliveries_next_at",
    _next_at,
    sqlite_where=_next_at.is_not(None),
    postgresql_where=_next_at.is_not(None),
)

# Whose turn it is at what one process at a time is enough for.
turns = sa.Table(
    "turns",
    metadata,
    sa.Column("duty", sa.String(32), primary_key=True),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("until", Seconds, nullable=False),
)

# What was learnt about providers.
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", Json, nullable=False),
)

# Work that failed lately, and how often; it is not tried again for a while.
failures = sa.Table(
    "failures",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("problem", Json, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("until", Seconds, nullable=False, index=True),
)

# One row while nothing that costs money may start.
spending_stop = sa.Table(
    "spending_stop",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("stopped_by", sa.Text, nullable=False),
    sa.Column("stopped_at", Seconds, nullable=False),
    # Whether nothing at all may start.
    sa.Column("everything", sa.Boolean, nullable=False),
)

# Who changed what about money and access; rows are only added, and end by their age.
audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", HexId, primary_key=True),
    sa.Column("at", Seconds, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Index(None, "at", "id"),
)

# One row, written to say whether the database can be written.
checks = sa.Table(
    "checks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("checked_at", Seconds, nullable=False),
)

# PostgreSQL only: how many transactions each connection has committed.
commits = sa.Table(
    "commits",
    metadata,
    sa.Column("connection", HexId, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("begun_at", Seconds, nullable=False),
)
