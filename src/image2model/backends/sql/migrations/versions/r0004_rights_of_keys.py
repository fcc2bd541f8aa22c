"""Keep what an API key may do and spend, how long it lasts, and when it was last used."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

_OF_KEYS_FROM_BEFORE = '["read", "generate"]'
_NEW_COLUMNS: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "expires_at": sa.Double,
    "last_used_at": sa.Double,
    "job_limit_micro_usd": sa.BigInteger,
    "day_limit_micro_usd": sa.BigInteger,
    "month_limit_micro_usd": sa.BigInteger,
    "generators": sa.JSON,
}


def upgrade() -> None:
    """Add the columns; keys from before may do what they could, without limits or an end."""
    scopes = sa.Column("scopes", sa.JSON, nullable=False, server_default=_OF_KEYS_FROM_BEFORE)
    op.add_column("api_keys", scopes)
    with op.batch_alter_table("api_keys") as table:
        table.alter_column("scopes", server_default=None)
        for name, kind in _NEW_COLUMNS.items():
            table.add_column(sa.Column(name, kind))


def downgrade() -> None:
    """Remove the columns."""
    with op.batch_alter_table("api_keys") as table:
        for name in _NEW_COLUMNS:
            table.drop_column(name)
        table.drop_column("scopes")
