"""Keep what there is to say of a picture: notes, credentials, source type."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Add the column; pictures from before have nothing in it."""
    op.add_column("pictures", sa.Column("said", sa.JSON()))


def downgrade() -> None:
    """Remove the column."""
    with op.batch_alter_table("pictures") as table:
        table.drop_column("said")
