"""Artifacts in memory, and a store that fails when told to."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from image2model.core.errors import ArtifactNotFound, ArtifactTooLarge
from image2model.core.ids import ArtifactId, is_hex_id
from image2model.ports.artifacts import ArtifactStore, StoredArtifact
from image2model.ports.clock import Clock

CHUNK_BYTES = 64 * 1024
"""How much `read` yields at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    facts: StoredArtifact
    content: bytes


class MemoryArtifactStore:
    """An `ArtifactStore` that holds files in memory and dates them by *clock*."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[ArtifactId, _Kept] = {}

    async def put(
        self, artifact: ArtifactId, chunks: AsyncIterator[bytes], *, limit_bytes: int
    ) -> int:
        """Store *chunks* under *artifact*, replacing what it named before."""
        if not is_hex_id(artifact):
            raise ValueError(f"not an id of ours: {artifact!r}")
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > limit_bytes:
                raise ArtifactTooLarge(limit_bytes=limit_bytes)
        facts = StoredArtifact(
            artifact=artifact, size_bytes=len(content), stored_at=self._clock.now()
        )
        self._kept[artifact] = _Kept(facts=facts, content=bytes(content))
        return len(content)

    async def stat(self, artifact: ArtifactId) -> StoredArtifact:
        """Look up *artifact* without reading it."""
        return self._find(artifact).facts

    async def read(
        self, artifact: ArtifactId, *, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes]:
        """Read *artifact* in chunks of 64 KiB."""
        content = self._find(artifact).content
        end = len(content) if length is None else min(len(content), start + length)
        for offset in range(start, end, CHUNK_BYTES):
            yield content[offset : min(end, offset + CHUNK_BYTES)]

    async def delete(self, artifact: ArtifactId) -> None:
        """Remove *artifact*; one that is not there is fine."""
        self._kept.pop(artifact, None)

    async def all(self) -> AsyncGenerator[StoredArtifact]:
        """List everything that is there at the first step."""
        for kept in list(self._kept.values()):
            yield kept.facts

    async def direct_url(self, artifact: ArtifactId, *, life_s: float) -> str | None:  # noqa: ARG002
        """Return None: nobody else sees this memory."""
        return None

    async def remove_leftovers(self, *, older_than_s: float) -> int:  # noqa: ARG002
        """Return 0: what was not written whole is forgotten at once."""
        return 0

    async def check(self) -> None:
        """Find nothing wrong: memory works."""

    def _find(self, artifact: ArtifactId) -> _Kept:
        try:
            return self._kept[artifact]
        except KeyError:
            raise ArtifactNotFound(artifact=artifact) from None


class FailingArtifactStore:
    """
    An `ArtifactStore` over *store* whose calls fail when a test says so.

    Args:
        store: Where files go.
        puts: Errors by the `put` they hit, counted from 1 over the store's life. Such a `put`
            takes one chunk, as a disk that runs full would, and changes nothing.
        reads: Errors by the `read` they hit, counted likewise; raised by its first step.
        checks: Errors by the `check` they hit, counted likewise.
    """

    def __init__(
        self,
        store: ArtifactStore,
        *,
        puts: Mapping[int, Exception] = MappingProxyType({}),
        reads: Mapping[int, Exception] = MappingProxyType({}),
        checks: Mapping[int, Exception] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._failures = {"put": puts, "read": reads, "check": checks}
        self._calls = dict.fromkeys(self._failures, 0)

    async def put(
        self, artifact: ArtifactId, chunks: AsyncIterator[bytes], *, limit_bytes: int
    ) -> int:
        """Store *chunks*, or fail as told."""
        if error := self._failure("put"):
            async for _ in chunks:
                raise error
            raise error
        return await self._store.put(artifact, chunks, limit_bytes=limit_bytes)

    async def stat(self, artifact: ArtifactId) -> StoredArtifact:
        """Look up *artifact*."""
        return await self._store.stat(artifact)

    async def read(
        self, artifact: ArtifactId, *, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes]:
        """Read *artifact*, or fail as told."""
        if error := self._failure("read"):
            raise error
        async for chunk in self._store.read(artifact, start=start, length=length):
            yield chunk

    async def delete(self, artifact: ArtifactId) -> None:
        """Remove *artifact*."""
        await self._store.delete(artifact)

    def all(self) -> AsyncIterator[StoredArtifact]:
        """List everything."""
        return self._store.all()

    async def direct_url(self, artifact: ArtifactId, *, life_s: float) -> str | None:
        """Ask the store."""
        return await self._store.direct_url(artifact, life_s=life_s)

    async def remove_leftovers(self, *, older_than_s: float) -> int:
        """Do as the store behind it does."""
        return await self._store.remove_leftovers(older_than_s=older_than_s)

    async def check(self) -> None:
        """Check the store, or fail as told."""
        if error := self._failure("check"):
            raise error
        await self._store.check()

    def _failure(self, call: str) -> Exception | None:
        self._calls[call] += 1
        return self._failures[call].get(self._calls[call])
