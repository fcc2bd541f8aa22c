"""Keep who changed what about money and access, and let a stop hold everything."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Add the log and the column; a stop that holds now holds what costs money."""
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=False),
    )
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"])
    op.add_column(
        "spending_stop",
        sa.Column("everything", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    with op.batch_alter_table("spending_stop") as table:
        table.alter_column("everything", server_default=None)


def downgrade() -> None:
    """Remove both."""
    op.drop_column("spending_stop", "everything")
    op.drop_index("ix_audit_log_at_id", "audit_log")
    op.drop_table("audit_log")
