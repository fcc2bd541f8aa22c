"""Derived files and failures in memory; behind `MemoryJobStore`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from image2model.core.ids import ArtifactId, OwnerId, is_anonymous
from image2model.core.job import Problem
from image2model.ports.derived import Dropped, Owners, Whose


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedFile:
    """A file that is made of another one."""

    source: ArtifactId
    owner: OwnerId
    size_bytes: int
    used_at: datetime


class Derived(dict[ArtifactId, DerivedFile]):
    """The derived files by their ids."""

    def use(self, artifact: ArtifactId, now: datetime) -> None:
        """Remember that one is used now."""
        if artifact in self:
            self[artifact] = replace(self[artifact], used_at=now)

    def of(self, whose: Whose) -> int:
        """Add up what those of somebody take."""
        return sum(file.size_bytes for file in self.values() if is_of(file.owner, whose))

    def drop(self, whose: Whose, *, keep_bytes: int, idle_since: datetime) -> Dropped:
        """Forget those used longest ago."""
        left_bytes = self.of(whose)
        dropped = []
        for artifact, file in sorted(self.items(), key=lambda one: (one[1].used_at, one[0])):
            if left_bytes <= keep_bytes:
                break
            if is_of(file.owner, whose) and file.used_at <= idle_since:
                del self[artifact]
                left_bytes -= file.size_bytes
                dropped.append(artifact)
        return Dropped(artifacts=dropped, left_bytes=left_bytes)

    def with_made_of(self, gone: list[ArtifactId]) -> list[ArtifactId]:
        """Forget what is made of files that are gone; returns these and those."""
        made = [artifact for artifact, file in self.items() if file.source in gone]
        for artifact in made:
            del self[artifact]
        return [*gone, *made]


class FailureBook:
    """What failed lately."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Problem, int, datetime]] = {}

    def add(
        self, name: str, problem: Problem, *, now: datetime, lives_s: Sequence[float], most: int
    ) -> None:
        """Remember one more, and forget what is over or too much."""
        long_over = now - timedelta(seconds=lives_s[-1])
        known = {key: one for key, one in self._found.items() if one[2] >= long_over}
        tries = known[name][1] if name in known else 0
        life = timedelta(seconds=lives_s[min(tries, len(lives_s) - 1)])
        known[name] = (problem, tries + 1, now + life)
        longest = sorted(known, key=lambda key: known[key][2], reverse=True)[:most]
        self._found = {key: known[key] for key in longest}

    def find(self, name: str, now: datetime) -> Problem | None:
        """Tell why something failed lately."""
        problem, _, until = self._found.get(name, (None, 0, now))
        return problem if until > now else None


def is_of(owner: str, whose: Whose) -> bool:
    """Tell whether *owner* is one of *whose*."""
    if whose is Owners.ANONYMOUS:
        return is_anonymous(owner)
    return whose is Owners.ALL or owner == whose
