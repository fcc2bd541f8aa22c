"""All rows of a database as lines of JSON, to be moved into another one."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.locking import no_lease
from image2model.backends.sql.tables import REVISION, checks, commits, items, metadata, turns
from image2model.core.errors import InvalidRequest

Line = tuple[str, Mapping[str, Any]]
"""A table's name, and one of its rows."""

ROWS_AT_ONCE = 500
"""Written in one transaction; an import that is interrupted loses no more than these."""

_PASSING = frozenset({checks.name, commits.name, turns.name})
"""Tables of what means nothing elsewhere."""

_FORMAT = {"image2model": "records", "format": 1, "schema": REVISION}


def write_dump(tx: Transaction, file: IO[str]) -> Mapping[str, int]:
    """
    Write all rows to *file*, those that others refer to first.

    Returns:
        How many rows of each table were written.

    Raises:
        InvalidRequest: Items are being worked on: what comes of them would be missing.
    """
    at_work = sa.select(sa.func.count()).where(items.c.lease_until > tx.now_s)
    if count := tx.run(at_work).scalar_one():
        reason = (
            f"cannot be exported while {count} items are being worked on; stop `serve` and "
            "`worker` first."
        )
        raise InvalidRequest(field="records", reason=reason)
    _write_line(file, _FORMAT)
    counts: Counter[str] = Counter()
    for table in _tables():
        statement = sa.select(table).execution_options(yield_per=ROWS_AT_ONCE)
        for row in tx.connection.execute(statement).mappings():
            values = dict(row) | (no_lease() if table is items else {})
            _write_line(file, {"table": table.name, "row": values})
            counts[table.name] += 1
    _write_line(file, {"end": dict(counts)})
    return dict(counts)


def check_dump(file: IO[str]) -> Mapping[str, int]:
    """
    Read *file* to its end, to say whether it is whole.

    Returns:
        How many rows of each table it has.

    Raises:
        InvalidRequest: It is no dump, not whole, or of another version of the product.
    """
    first = _read_line(file.readline())
    if first != _FORMAT:
        schema = first.get("schema", "unknown")
        reason = f"have the schema '{schema}'; this version reads '{REVISION}'."
        raise InvalidRequest(field="records", reason=reason)
    counts: Counter[str] = Counter()
    end = None
    for line in file:
        said = _read_line(line)
        if "end" in said:
            end = said["end"]
        else:
            counts[said["table"]] += 1
    if end != counts:
        raise InvalidRequest(field="records", reason="end too early; export them again.")
    return dict(counts)


def read_dump(file: IO[str]) -> Iterator[Sequence[Line]]:
    """Read the rows of a dump that is whole, some at a time, each time of one table."""
    some: list[Line] = []
    for line in file:
        said = _read_line(line)
        if "table" not in said:
            continue
        if some and (len(some) == ROWS_AT_ONCE or some[0][0] != said["table"]):
            yield some
            some = []
        some.append((said["table"], said["row"]))
    if some:
        yield some


def write_rows(tx: Transaction, lines: Sequence[Line]) -> int:
    """
    Write rows of one table, leaving those that are there already as they are.

    Returns:
        How many were not there yet.

    Raises:
        InvalidRequest: Another row is in the way of one of them; nothing was written.
    """
    table = metadata.tables[lines[0][0]]
    rows = [_values(table, row) for _, row in lines]
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    key = sa.tuple_(*table.primary_key.columns)
    names = [tuple(row[column.name] for column in table.primary_key.columns) for row in rows]
    there = sa.select(sa.func.count()).select_from(table).where(key.in_(names))
    before: int = tx.run(there).scalar_one()
    tx.run(dialect.insert(table).on_conflict_do_nothing(), rows)
    after: int = tx.run(there).scalar_one()
    if after != len(rows):
        reason = f"clash with others that are there: {len(rows) - after} of '{table.name}'."
        raise InvalidRequest(field="records", reason=reason)
    return after - before


def _tables() -> Iterable[sa.Table]:
    return (table for table in metadata.sorted_tables if table.name not in _PASSING)


def _values(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column.name: column.type.enum_class(row[column.name])
        if isinstance(column.type, sa.Enum) and column.type.enum_class
        else row[column.name]
        for column in table.columns
    }


def _write_line(file: IO[str], said: Mapping[str, Any]) -> None:
    json.dump(said, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")


def _read_line(line: str) -> Mapping[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise InvalidRequest(field="records", reason="cannot be read.")
    return said
