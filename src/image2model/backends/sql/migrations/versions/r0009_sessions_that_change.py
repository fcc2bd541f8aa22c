"""Let sessions change their tokens, and owners end."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Add the columns and the table; sessions from before are as if they had one old token."""
    op.create_table(
        "owner_ends",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("ends_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_owner_ends"),
    )
    op.add_column("sessions", sa.Column("session", sa.String(64)))
    op.add_column("sessions", sa.Column("issued_at", sa.Double))
    op.add_column("sessions", sa.Column("ends_at", sa.Double))
    op.add_column("sessions", sa.Column("is_confirmed", sa.Boolean))
    op.execute(
        "UPDATE sessions SET session = token_sha256, issued_at = 0, ends_at = expires_at,"
        " is_confirmed = TRUE"
    )
    with op.batch_alter_table("sessions") as table:
        for name in ("session", "issued_at", "ends_at", "is_confirmed"):
            table.alter_column(name, nullable=False)
    op.create_index("ix_sessions_session", "sessions", ["session"])


def downgrade() -> None:
    """Remove them; a session that has two tokens stays as two sessions."""
    op.drop_index("ix_sessions_session", "sessions")
    with op.batch_alter_table("sessions") as table:
        for name in ("session", "issued_at", "ends_at", "is_confirmed"):
            table.drop_column(name)
    op.drop_table("owner_ends")
