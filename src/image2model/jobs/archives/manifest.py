"""What an archive says of itself: `manifest.json` for programs, `manifest.csv` for spreadsheets."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

from image2model.core.errors import GeneratorNotFound, JsonValue
from image2model.core.job import Item, Job
from image2model.core.text.clean import table_cell
from image2model.jobs.archives.names import MANIFEST_CSV
from image2model.jobs.archives.plan import MODEL, Entry, Missing
from image2model.jobs.context import Context

FORMAT, VERSION = "image2model-archive", 1
"""What `manifest.json` says it is."""

_FACTS = ("faces", "vertices", "width_mm", "height_mm", "depth_mm", "watertight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that is in the archive, and what was given up to make it."""

    entry: Entry
    size_bytes: int
    sha256: str
    notes: Sequence[str] = ()


class Manifest:
    """The manifests of the archive of *job*, once it is known what is in it and what is not."""

    def __init__(
        self,
        context: Context,
        job: Job,
        written: Sequence[Written],
        missing: Sequence[Missing],
        *,
        shows_costs: bool = True,
    ) -> None:
        self._job = job
        self._shows_costs = shows_costs
        self._licence = _licence(context, job)
        self._written: dict[int, list[Written]] = defaultdict(list)
        self._missing: dict[int, list[Missing]] = defaultdict(list)
        for one in written:
            self._written[one.entry.index].append(one)
        for lost in missing:
            self._missing[lost.index].append(lost)

    def to_json(self, *, table: bytes) -> bytes:
        """Write `manifest.json`: the job, its items, every file, the checksum of *table*."""
        job = self._job
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "job": {
                "id": job.id,
                "name": job.name,
                "state": job.state,
                "version": job.version,
                "generator": job.generator,
                "options": dict(job.options),
                "formats": list(job.output.formats),
                "adjust": dict(job.output.adjust),
                "licence": self._licence,
                "created_at": _time(job.created_at),
                "finished_at": _time(job.finished_at),
                **self._costs(job.items),
            },
            "items": [self._item(item) for item in job.items],
            "table": {"path": MANIFEST_CSV, **_sums(table)},
        }
        return json.dumps(manifest, ensure_ascii=False, indent=2).encode() + b"\n"

    def _item(self, item: Item) -> dict[str, JsonValue]:
        problem = item.problem
        return {
            "index": item.index,
            "name": item.name,
            "state": item.state.value,
            "error": {"code": problem.code, "message": problem.message} if problem else None,
            "metadata": dict(item.metadata),
            "pictures": [
                {
                    "view": picture.view.value,
                    "file_name": picture.file_name,
                    "sha256": picture.sha256,
                    "width_px": picture.width_px,
                    "height_px": picture.height_px,
                    "credentials": list(picture.credentials),
                    "digital_source_type": picture.source_type or None,
                    "notes": list(picture.notes),
                }
                for picture in item.pictures
            ],
            **self._making(item),
            "options": dict(self._job.options),
            "facts": dict(item.result.facts) if item.result else {},
            "files": [_file(one) for one in self._written[item.index]],
            "missing": [
                {"role": one.role, "format": one.format, "reason": one.reason}
                for one in self._missing[item.index]
            ],
        }

    def _making(self, item: Item) -> dict[str, JsonValue]:
        facts = item.result.facts if item.result else {}
        return {
            "generator": self._job.generator,
            "seed": facts.get("seed", self._job.options.get("seed")),
            **({"request_id": _request_id(item)} if self._shows_costs else {}),
            **self._costs([item]),
            "licence": self._licence,
            "score": _score(facts),
        }

    def _costs(self, items: Iterable[Item]) -> dict[str, JsonValue]:
        if not self._shows_costs:
            return {}
        return {"cost_usd": float(sum(map(_cost, items), Decimal(0)))}

    def to_csv(self) -> bytes:
        """
        Write `manifest.csv`: a line for each item, with UTF-8's mark so that spreadsheets read it.

        A text that a spreadsheet would take for a formula begins with an apostrophe.
        """
        models = [one for files in self._written.values() for one in files if _is_model(one)]
        formats = list(dict.fromkeys(one.entry.format for one in models))
        lines = [self._line(item, formats) for item in self._job.items]
        columns = dict.fromkeys(key for line in lines for key in line)
        out = io.StringIO(newline="")
        table = csv.DictWriter(out, list(columns), restval="")
        table.writeheader()
        table.writerows({key: _cell(value) for key, value in line.items()} for line in lines)
        return out.getvalue().encode("utf-8-sig")

    def _line(self, item: Item, formats: Sequence[str]) -> dict[str, JsonValue]:
        facts = item.result.facts if item.result else {}
        files = {one.entry.format: one for one in self._written[item.index] if _is_model(one)}
        missing = [f"{one.format}: {one.reason}" for one in self._missing[item.index]]
        line: dict[str, JsonValue] = {
            "index": item.index,
            "name": item.name,
            "state": item.state.value,
            "reason": item.problem.message if item.problem else " ".join(missing),
            "picture": ", ".join(filter(None, (one.file_name for one in item.pictures))),
            "picture_sha256": " ".join(picture.sha256 for picture in item.pictures),
            "picture_credentials": " ".join(_known(one.credentials for one in item.pictures)),
            "digital_source_type": " ".join(_known([one.source_type] for one in item.pictures)),
            **self._making(item),
            "options": json.dumps(dict(self._job.options), ensure_ascii=False, sort_keys=True),
        }
        line |= {name: facts.get(name) for name in _FACTS}
        for name in formats:
            file = files.get(name)
            line[f"{name}_file"] = file.entry.path if file else None
            line[f"{name}_bytes"] = file.size_bytes if file else None
            line[f"{name}_sha256"] = file.sha256 if file else None
            if file and file.notes:
                line[f"{name}_notes"] = ". ".join(file.notes)
        return line | {f"about_{key}": value for key, value in item.metadata.items()}


def _known(said: Iterable[Sequence[str]]) -> Iterable[str]:
    """Give what is said of any picture, each once."""
    return dict.fromkeys(word for words in said for word in words if word)


def _is_model(one: Written) -> bool:
    return one.entry.role == MODEL


def _file(one: Written) -> dict[str, JsonValue]:
    return {
        "path": one.entry.path,
        "role": one.entry.role,
        "format": one.entry.format,
        "size_bytes": one.size_bytes,
        "sha256": one.sha256,
        "notes": list(one.notes),
    }


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return table_cell(value)
    return value


def _sums(content: bytes) -> dict[str, JsonValue]:
    return {"size_bytes": len(content), "sha256": sha256(content).hexdigest()}


def _licence(context: Context, job: Job) -> str | None:
    try:
        return context.catalogue.card(job.generator).licence
    except GeneratorNotFound:
        return None  # A plug-in was removed since.


def _score(facts: Mapping[str, JsonValue]) -> JsonValue:
    fidelity = facts.get("fidelity")
    return fidelity.get("score") if isinstance(fidelity, Mapping) else None


def _request_id(item: Item) -> str | None:
    handles = [attempt.handle for attempt in item.attempts if attempt.handle is not None]
    return handles[-1].request_id if handles else None


def _cost(item: Item) -> Decimal:
    return sum((a.cost_usd for a in item.attempts if a.cost_usd is not None), Decimal(0))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
