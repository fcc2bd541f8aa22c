"""Jobs, their items, the attempts to make them and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from image2model.core.errors import Image2ModelError, JsonValue
from image2model.core.generator import GeneratorId, Options, View
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey
from image2model.core.output import SIZES, Output
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.core.values.hashing import hash_of


class KeepPolicy(StrEnum):
    """`keep`: results are copied into our store. `links`: only the provider's URLs are."""

    KEEP = "keep"
    LINKS = "links"


class FileRole(StrEnum):
    """What a file of a result is for."""

    MESH = "mesh"
    PREVIEW = "preview"
    TEXTURE = "texture"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """
    One picture of an item, checked and kept.

    Attributes:
        view: Which side of the object it shows.
        artifact: Where its bytes are.
        media_type: `image/png`, `image/jpeg`, `image/webp` or `image/avif`.
        size_bytes: Length of the bytes.
        sha256: Of the bytes as uploaded, hex: says whether two pictures are the same.
        width_px: Width, upright.
        height_px: Height, upright.
        file_name: What its file was called, without folders; "": not known.
        notes: What there is to say of it before it is made, one sentence each, without a stop.
        credentials: What of its origin the upload carried: `C2PA`, `XMP`.
        source_type: The IPTC digital source type that these name; "": none.
    """

    view: View
    artifact: ArtifactId
    media_type: str
    size_bytes: int
    sha256: str
    width_px: int
    height_px: int
    file_name: str = ""
    notes: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    source_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """
    What a person says of an object: written into its files by us, and no part of what is paid for.

    Attributes:
        name: What it is called.
        metadata: Whatever else, by column: `height_mm`, `face_limit`, a number of its own.
        generator: The id of what made the model; said in its files, and not by the person.
    """

    name: str
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    generator: str = ""

    @property
    def key(self) -> str:
        """Say what the person says in 64 hex digits, the same for the same description."""
        return hash_of([self.name, dict(self.metadata)])

    @property
    def has_measures(self) -> bool:
        """Whether it says how large the object is, or how many faces its model may have."""
        return any(self.metadata.get(name) for name in (*SIZES, "face_limit"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    How far an item is.

    Attributes:
        fraction: 0.0–1.0; never falls while the item runs.
        phase: What happens now, for people; "" when nothing does.
        queue_position: Requests ahead at the provider, from 0; None: not queued there.
        eta_s: Seconds left, or None: not known.
    """

    fraction: float = 0.0
    phase: str = ""
    queue_position: int | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    Why an item failed or needs a look: an error as data.

    Attributes:
        code: The error's stable word.
        message: One sentence: what is wrong and what to do.
        details: Further facts.
    """

    code: str
    message: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)

    @classmethod
    def of(cls, error: Image2ModelError) -> Self:
        """Say what *error* says."""
        return cls(code=error.code, message=error.message, details=dict(error.details))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """
    One file of a result.

    Attributes:
        name: Safe, unique within the result, with its extension.
        role: What it is for.
        format: By its bytes: `glb`, `webp`, `png`, …
        size_bytes: Length, or None: known only to the provider, or still to be made.
        sha256: Hex, or None: not fetched, or still to be made.
        crc32: The checksum that ZIP archives want, or None as for *sha256*.
        artifact: Where we keep it, or None: only the provider has it.
        provider_url: Where the provider offers it, or None.
        expires_at: When *provider_url* ends, or None: not known, or no URL.
        made_by: What made it of what was delivered, the same for the same conversion and
            description; None: it was delivered.
        notes: What was given up or left out for it, one plain sentence each.
    """

    name: str
    role: FileRole
    format: str
    size_bytes: int | None = None
    sha256: str | None = None
    crc32: int | None = None
    artifact: ArtifactId | None = None
    provider_url: str | None = None
    expires_at: datetime | None = None
    made_by: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_awaited(self) -> bool:
        """Whether it has a place with us but is still to be made: a preview not drawn yet."""
        return self.artifact is not None and self.size_bytes is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What an item became.

    Attributes:
        files: The mesh first.
        facts: Faces, size and the like, as JSON values.
    """

    files: Sequence[ResultFile]
    facts: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def delivered(self) -> ResultFile | None:
        """The mesh as its provider delivered it, from which all conversions begin."""
        roles = {FileRole.MESH, FileRole.ORIGINAL}
        return next((f for f in self.files if f.made_by is None and f.role in roles), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """
    What a provider gave for accepted work; plain data that outlives any process.

    Attributes:
        request_id: The provider's name for it.
        data: URLs and whatever else the provider needs to find it again.
    """

    request_id: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """
    What is about to be sent to a provider; written down before it is sent.

    Attributes:
        endpoint: Where it goes, in the provider's own words.
        data: The request itself, as JSON values; enough to find it again later.
        estimated_usd: What it should cost, in US dollars.
    """

    endpoint: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    estimated_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    One try of an item: a line of the ledger.

    Attributes:
        number: From 1.
        submit_key: Unique for ever.
        provider: Who was asked.
        state: What became of it.
        submission: What was sent.
        handle: What came back; None: no answer (yet).
        submitted_at: When the intent was written down, just before sending.
        finished_at: When it ended; None: open.
        cost_usd: Booked cost in US dollars; None: not known (yet).
    """

    number: int
    submit_key: SubmitKey
    provider: str
    state: AttemptState
    submission: Submission
    handle: Handle | None = None
    submitted_at: datetime
    finished_at: datetime | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    One object to make.

    Attributes:
        job: The job it belongs to.
        index: Its place in the job, from 0.
        name: For people, and for file names; unique within the job.
        state: Where it stands.
        pictures: Its views, the front first.
        made_key: Same key, same model: a hash over pictures, generator and options.
        metadata: What a person says of the object (its title, its height), by column.
        progress: How far it is.
        problem: Why it failed or needs a look; None: nothing is wrong.
        result: What it became, or None.
        attempts: The ledger, oldest first.
        cancel_requested: Somebody wants it to stop; its worker will.
        version: The job's version that last touched it.
    """

    job: JobId
    index: int
    name: str
    state: ItemState
    pictures: Sequence[Picture] = ()
    made_key: str = ""
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    problem: Problem | None = None
    result: Result | None = None
    attempts: Sequence[Attempt] = ()
    cancel_requested: bool = False
    version: int = 0

    @property
    def description(self) -> Description:
        """What a person says of its object."""
        return Description(name=self.name, metadata=self.metadata)

    def described(self, generator: str) -> Description:
        """Give the same with the *generator* that made it."""
        return Description(name=self.name, metadata=self.metadata, generator=generator)

    def file(self, name: str) -> ResultFile | None:
        """Find the result's file called *name*."""
        files = self.result.files if self.result else ()
        return next((file for file in files if file.name == name), None)

    @property
    def mesh(self) -> ResultFile | None:
        """The result's mesh."""
        files = self.result.files if self.result else ()
        return next((file for file in files if file.role is FileRole.MESH), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One submission.

    Attributes:
        id: Ours.
        owner: Whose it is.
        name: For people.
        state: Where it stands.
        generator: What makes the items.
        options: With every default filled in.
        output: What its models shall come as.
        keep: What happens to results.
        budget_usd: The most it may cost, in US dollars; None: no limit.
        starred: Kept beyond the retention.
        idempotency_key: The caller's name for this submission, or None.
        fingerprint: Hash over what was asked; tells a repeated request from another one.
        webhook_url: Where its events are told beside the owner's webhooks; None: nowhere.
        created_at: When it came.
        started_at: When it left the draft state; None: still a draft.
        finished_at: When its last item became final; None: not yet.
        life_s: How long it is kept after it finished, in seconds; None: until it is deleted.
        expires_at: When it will be deleted; None: never, or it has not finished.
        version: Grows with every visible change.
        counts: Items by state; states without items may be missing.
        items: In order of their index.
    """

    id: JobId
    owner: OwnerId
    name: str
    state: JobState
    generator: GeneratorId
    options: Options
    output: Output = field(default_factory=Output)
    keep: KeepPolicy = KeepPolicy.KEEP
    budget_usd: Decimal | None = None
    starred: bool = False
    idempotency_key: str | None = None
    fingerprint: str = ""
    webhook_url: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    life_s: float | None = None
    expires_at: datetime | None = None
    version: int = 1
    counts: Mapping[ItemState, int] = field(default_factory=dict)
    items: Sequence[Item] = ()

    @property
    def due_to_expire_at(self) -> datetime | None:
        """When its life after its end is over; None: it has not ended, is starred, or stays."""
        if self.finished_at is None or self.life_s is None or self.starred:
            return None
        return self.finished_at + timedelta(seconds=self.life_s)

    @property
    def total(self) -> int:
        """How many items it has."""
        return sum(self.counts.values())
