"""What `export` and `import` share: the folder, and how it is told."""

from collections.abc import Mapping
from pathlib import Path

from image2model.backends.folder.artifacts import FolderArtifactStore
from image2model.backends.sql.connections.transaction import Database
from image2model.bootstrap import Stores
from image2model.cli.terminal.printing import say
from image2model.core.errors import InvalidSetting
from image2model.jobs.storage.copying import Copied

RECORDS = "records.jsonl"
FILES = "files"


def sql_database(stores: Stores) -> Database:
    """Find the SQL database, or raise `InvalidSetting`."""
    if stores.database is None:
        raise InvalidSetting(
            setting="IMAGE2MODEL_DATABASE_URL",
            reason="names a Redis; only SQLite and PostgreSQL can be exported and imported.",
        )
    return stores.database


def files_of(folder: Path) -> FolderArtifactStore:
    """Open the files of an export."""
    files = folder / FILES
    files.mkdir(exist_ok=True, mode=0o700)
    return FolderArtifactStore(files)


def tell_rows(verb: str, counts: Mapping[str, int]) -> None:
    """Say how many rows of each table there are."""
    rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    say(f"{verb} {rows or 'nothing'}.")


def tell_files(verb: str, copied: Copied) -> None:
    """Say how many files there are."""
    size = f"{copied.size_bytes / 1e6:,.1f} MB"
    say(f"{verb} {copied.files:,} files ({size}); {copied.new_files:,} were not there yet.")
