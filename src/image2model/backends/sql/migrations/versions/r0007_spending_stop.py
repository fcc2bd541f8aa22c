"""Remember that nothing which costs money may start."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Add the table; nothing is stopped."""
    op.create_table(
        "spending_stop",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_by", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("spending_stop")
