"""What an object store has to get right beyond what every store promises."""

import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.lowlevel
import pytest

from image2model.backends.objects.artifacts import ObjectArtifactStore
from image2model.core.errors import (
    ArtifactNotFound,
    ArtifactTooLarge,
    InvalidSetting,
    StorageUnavailable,
)
from image2model.core.ids import ArtifactId, new_hex_id
from tests.servers.process import free_port
from tests.servers.s3 import BUCKET, S3Server

pytestmark = pytest.mark.anyio

MODEL = ArtifactId(new_hex_id())
MIB = 1024 * 1024
LARGE = 20 * MIB
"""Travels in three parts."""


@pytest.fixture
def store(s3_url: str, s3_server: S3Server) -> ObjectArtifactStore:
    return ObjectArtifactStore(s3_url, endpoint_url=s3_server.endpoint_url)


async def mebibytes(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        await anyio.lowlevel.checkpoint()
        yield bytes([number]) * MIB


def unfinished_uploads(server: S3Server) -> list[str]:
    status, body = server.ask("GET", f"/{BUCKET}?uploads")
    assert status == 200
    return re.findall(r"<Key>(.*?)</Key>", body)


async def test_large_file_travels_in_parts(store: ObjectArtifactStore, s3_server: S3Server) -> None:
    assert await store.put(MODEL, mebibytes(20), limit_bytes=LARGE) == LARGE
    found = b"".join([chunk async for chunk in store.read(MODEL)])
    assert found == b"".join([chunk async for chunk in mebibytes(20)])
    assert unfinished_uploads(s3_server) == []


async def test_too_large_leaves_no_parts(store: ObjectArtifactStore, s3_server: S3Server) -> None:
    with pytest.raises(ArtifactTooLarge):
        await store.put(MODEL, mebibytes(20), limit_bytes=LARGE - 1)
    assert unfinished_uploads(s3_server) == []
    with pytest.raises(ArtifactNotFound):
        await store.stat(MODEL)


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), FileNotFoundError("gone")])
async def test_error_of_the_source_leaves_no_parts(
    store: ObjectArtifactStore, s3_server: S3Server, error: OSError
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for chunk in mebibytes(18):
            yield chunk
        raise error

    with pytest.raises(type(error), match="gone"):
        await store.put(MODEL, broken(), limit_bytes=LARGE)
    assert unfinished_uploads(s3_server) == []


async def test_cancelling_leaves_no_parts(store: ObjectArtifactStore, s3_server: S3Server) -> None:
    """The sender hangs up after parts have been stored."""
    seen: list[str] = []

    async def stuck() -> AsyncIterator[bytes]:
        async for chunk in mebibytes(18):
            yield chunk
        while not seen:
            seen.extend(await anyio.to_thread.run_sync(unfinished_uploads, s3_server))
        tasks.cancel_scope.cancel()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        await store.put(MODEL, stuck(), limit_bytes=LARGE)
    assert seen == [f"here/{MODEL}"]
    assert unfinished_uploads(s3_server) == []


async def test_signed_url_reads_one_file_alone(store: ObjectArtifactStore) -> None:
    await store.put(MODEL, mebibytes(1), limit_bytes=LARGE)
    url = await store.direct_url(MODEL, life_s=60.0)
    assert url is not None
    assert urlsplit(url).path == f"/{BUCKET}/here/{MODEL}"
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["60"]
    assert await anyio.to_thread.run_sync(read_url, url) == b"\0" * MIB


async def test_ids_that_are_not_ours_are_not_signed(store: ObjectArtifactStore) -> None:
    assert await store.direct_url(ArtifactId("../other"), life_s=60.0) is None


async def test_missing_bucket_does_not_pass_for_missing_files(
    s3_url: str, s3_server: S3Server
) -> None:
    url = s3_url.replace(BUCKET, "another")
    store = ObjectArtifactStore(url, endpoint_url=s3_server.endpoint_url)
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        await store.stat(MODEL)
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        await anext(store.read(MODEL))
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        await store.put(MODEL, mebibytes(1), limit_bytes=LARGE)
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        await store.put(MODEL, mebibytes(20), limit_bytes=LARGE)
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        await store.check()


async def test_server_that_is_gone(s3_url: str) -> None:
    store = ObjectArtifactStore(s3_url, endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StorageUnavailable) as caught:
        await store.check()
    assert caught.value.details["where"] == s3_url
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://", "s3:models", "gs:///path"])
def test_url_without_a_bucket(url: str) -> None:
    with pytest.raises(InvalidSetting, match="s3://BUCKET/PREFIX"):
        ObjectArtifactStore(url)


def read_url(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        content: bytes = answer.read()
    return content
