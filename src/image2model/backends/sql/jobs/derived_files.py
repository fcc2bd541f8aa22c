"""What is made of pictures and results, what all files take, and what failed lately."""

from collections.abc import Sequence

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import lock_rows, put_row
from image2model.backends.sql.rows import problem_value
from image2model.backends.sql.tables import (
    derived_files,
    failures,
    items,
    jobs,
    pictures,
    result_files,
)
from image2model.core.ids import ANONYMOUS_OWNER, ArtifactId, OwnerId
from image2model.core.job import Problem
from image2model.ports.derived import Dropped, Owners, Whose
from image2model.ports.jobstore import Stored

_FORGOTTEN_AT_ONCE = 1_000
_USE_EVERY_S = 30.0
"""How exactly it is known when a file was used last: reading shall seldom have to write."""


def add_derived(
    tx: Transaction, source: ArtifactId, artifact: ArtifactId, *, owner: OwnerId, size_bytes: int
) -> bool:
    """Remember what is made of a picture or a result's file, if an item still has that."""
    for table in (result_files, pictures):
        alive = sa.select(table.c.artifact).where(table.c.artifact == source)
        # Neither may the source go now, nor another transaction add the same.
        lock_rows(tx.connection, alive)
        if tx.run(alive.limit(1)).first() is not None:
            break
    else:
        return False
    said = {"owner": owner, "size_bytes": size_bytes, "used_at": tx.now_s}
    known = sa.update(derived_files).where(derived_files.c.artifact == artifact)
    if tx.run(known.values(said)).rowcount == 0:
        tx.run(sa.insert(derived_files).values(artifact=artifact, source=source, **said))
    return True


def is_used_long_ago(tx: Transaction, artifact: ArtifactId) -> bool:
    """Tell whether it must be written down that a file is used now."""
    statement = sa.select(derived_files.c.used_at).where(derived_files.c.artifact == artifact)
    used_at = tx.run(statement).scalar_one_or_none()
    return used_at is not None and used_at < tx.now_s - _USE_EVERY_S


def use_derived(tx: Transaction, artifact: ArtifactId) -> None:
    """Write down that a file is used now."""
    known = sa.update(derived_files).where(derived_files.c.artifact == artifact)
    tx.run(known.values(used_at=tx.now_s))


def drop_derived(tx: Transaction, whose: Whose, *, keep_bytes: int, idle_s: float) -> Dropped:
    """Forget the files used longest ago until the others take no more than they may."""
    total_bytes = _derived_bytes(tx, whose)
    chosen: dict[ArtifactId, int] = {}
    is_idle = derived_files.c.used_at <= tx.now_s - idle_s
    if total_bytes > keep_bytes:
        idle = (
            sa.select(derived_files.c.artifact, derived_files.c.size_bytes)
            .where(_is_of(derived_files, whose), is_idle)
            .order_by(derived_files.c.used_at, derived_files.c.artifact)
        )
        chosen_bytes = 0
        for row in tx.run(idle).all():
            if total_bytes - chosen_bytes <= keep_bytes:
                break
            chosen[ArtifactId(row.artifact)] = row.size_bytes
            chosen_bytes += row.size_bytes
    dropped = _forget_idle(tx, list(chosen), is_idle)
    left_bytes = total_bytes - sum(chosen[artifact] for artifact in dropped)
    return Dropped(artifacts=dropped, left_bytes=left_bytes)


def _forget_idle(
    tx: Transaction, chosen: Sequence[ArtifactId], is_idle: sa.ColumnElement[bool]
) -> list[ArtifactId]:
    """Forget those of *chosen* that nobody has used, nor another process forgotten, meanwhile."""
    gone: set[str] = set()
    for start in range(0, len(chosen), _FORGOTTEN_AT_ONCE):
        some = derived_files.c.artifact.in_(chosen[start : start + _FORGOTTEN_AT_ONCE])
        forgotten = sa.delete(derived_files).where(some, is_idle)
        gone.update(tx.run(forgotten.returning(derived_files.c.artifact)).scalars())
    return [artifact for artifact in chosen if artifact in gone]


def read_stored(tx: Transaction, whose: Whose) -> Stored:
    """Add up what files take."""
    # Results that were taken over share their files, and a union knows each but once.
    stored = sa.union(
        *(
            sa.select(table.c.artifact, table.c.size_bytes)
            .join(items, items.c.id == table.c.item_id)
            .join(jobs, jobs.c.id == items.c.job_id)
            .where(_is_of(jobs, whose), table.c.artifact.is_not(None))
            for table in (pictures, result_files)
        )
    ).subquery()
    kept_bytes = tx.run(sa.select(sa.func.sum(stored.c.size_bytes))).scalar_one()
    return Stored(kept_bytes=int(kept_bytes or 0), derived_bytes=_derived_bytes(tx, whose))


def _derived_bytes(tx: Transaction, whose: Whose) -> int:
    sizes = sa.select(sa.func.sum(derived_files.c.size_bytes))
    return int(tx.run(sizes.where(_is_of(derived_files, whose))).scalar_one() or 0)


def _is_of(table: sa.Table, whose: Whose) -> sa.ColumnElement[bool]:
    if whose is Owners.ALL:
        return sa.true()
    if whose is Owners.ANONYMOUS:
        return table.c.owner.startswith(ANONYMOUS_OWNER)
    return table.c.owner == whose


def add_failure(
    tx: Transaction, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
) -> None:
    """Remember what failed, and forget what is over or too much."""
    tx.run(sa.delete(failures).where(failures.c.until < tx.now_s - lives_s[-1]))
    known, value = failures.c.name == name, problem_value(problem)
    row = {"name": name, "problem": value, "tries": 1, "until": tx.now_s}
    # Others who add the same wait here.
    put_row(tx.connection, failures, row, tries=failures.c.tries + 1)
    tries = tx.run(sa.select(failures.c.tries).where(known)).scalar_one()
    until = tx.now_s + lives_s[min(tries, len(lives_s)) - 1]
    tx.run(sa.update(failures).where(known).values(until=until))
    longest = sa.select(failures.c.name).order_by(failures.c.until.desc()).limit(most)
    tx.run(sa.delete(failures).where(failures.c.name.not_in(longest.scalar_subquery())))


def find_failure(tx: Transaction, name: str) -> Problem | None:
    """Tell why something failed lately; None: it did not, or may be tried again."""
    statement = sa.select(failures.c.problem).where(
        failures.c.name == name, failures.c.until > tx.now_s
    )
    found = tx.run(statement).scalar_one_or_none()
    return None if found is None else Problem(**found)
