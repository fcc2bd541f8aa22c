"""Know how large derived files are, whose, and when they were used; remember what failed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """
    Make the tables anew.

    Of the files from before nobody knows the size. They are forgotten, removed as files that
    nothing names, and made again when somebody asks.
    """
    op.drop_table("derived_files")
    op.create_table(
        "derived_files",
        sa.Column("artifact", sa.String(32), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("artifact", name="pk_derived_files"),
    )
    for column in ("source", "owner", "used_at"):
        op.create_index(f"ix_derived_files_{column}", "derived_files", [column])
    op.create_table(
        "failures",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_failures"),
    )
    op.create_index("ix_failures_until", "failures", ["until"])


def downgrade() -> None:
    """Make the table of derived files as it was, without what was in it."""
    op.drop_table("failures")
    op.drop_table("derived_files")
    op.create_table(
        "derived_files",
        sa.Column("artifact", sa.String(32), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("artifact", name="pk_derived_files"),
    )
    op.create_index("ix_derived_files_source", "derived_files", ["source"])
