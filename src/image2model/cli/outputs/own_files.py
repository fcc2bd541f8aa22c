"""Which files of a folder this program has written, so that it replaces no others."""

import contextlib
import hashlib
import json
from pathlib import Path


class OwnFiles:
    """
    The record of what was written into a folder: a line of JSON per file.

    A file is ours while its content is what was written; one that somebody has changed since is
    theirs. Lines are only added, so that neither a kill nor a second process loses any. What
    cannot be recorded is taken for theirs later, which is the safe side.

    Args:
        records: Where records are kept, one file per folder; None: nowhere, only as long as this
            object lives.
        folder: The folder it is about.
    """

    def __init__(self, records: Path | None, folder: Path) -> None:
        digest = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape"))
        self._path = None if records is None else records / f"{digest.hexdigest()[:32]}.jsonl"
        self._known: dict[tuple[str, str], set[tuple[str, str]]] = {}
        if self._path is not None:
            with contextlib.suppress(OSError):
                for line in self._path.read_bytes().splitlines():
                    self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            found = json.loads(line)
            key = (str(found["name"]), str(found["sha256"]))
            self._known.setdefault(key, set()).add((str(found["asked"]), str(found["of"])))
        except (ValueError, LookupError, TypeError):
            return  # A line that was cut off by a kill.

    def has(self, name: str, *, sha256: str, asked: str, of: str) -> bool:
        """
        Tell whether a file is ours, and made for the same thing.

        Args:
            name: What it is called.
            sha256: Of its content.
            asked: What it was to be called; another name if that was taken.
            of: What it was made of; "": nobody knows, which fits anything.
        """
        made = self._known.get((name, sha256), set())
        return any(
            other == asked and (of == source or "" in {of, source}) for other, source in made
        )

    def add(self, name: str, *, sha256: str, asked: str, of: str) -> None:
        """Remember a file that is about to be written."""
        line = json.dumps({"name": name, "sha256": sha256, "asked": asked, "of": of}).encode()
        self._learn(line)
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with self._path.open("ab") as file:
                    # On a line of its own: the one before may have been cut off.
                    file.write(b"\n" + line)
