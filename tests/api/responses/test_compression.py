"""Compressed answers: what everybody may read is, what holds secrets is not."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.responses.compression import best_encoding
from image2model.jobs.catalogue import Catalogue
from image2model.ports.provider import ProviderTools
from image2model.providers.local.provider import LocalProvider
from image2model.testing.scripted_provider import SCRIPTED
from tests.api.asking import ask, make_job
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

PUBLIC = ["/api/v1/generators", "/api/v1/openapi.json", "/api/docs"]


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of a server whose generators are told at length."""
    tools = ProviderTools(
        compute=rig.context.compute,
        clock=rig.clock,
        picture_limits=rig.context.rules.picture,
        fetcher=rig.web,
        incoming=rig.context.rules.incoming,
        result_bytes=rig.context.rules.result_bytes,
        compute_limit_s=rig.context.rules.compute_s,
        config={},
    )
    catalogue = Catalogue([rig.provider, LocalProvider(tools)], default=SCRIPTED)
    async with ask(create_api(replace(rig.context, catalogue=catalogue))) as client:
        yield client


async def raw(client: httpx2.AsyncClient, path: str, accepted: str) -> tuple[httpx2.Headers, bytes]:
    """Ask for *path*; returns the headers and the bytes as they were sent."""
    headers = {"Accept-Encoding": accepted}
    async with client.stream("GET", path, headers=headers) as reply:
        assert reply.status_code == 200
        sent = b"".join([chunk async for chunk in reply.aiter_raw()])
        return reply.headers, sent


@pytest.mark.parametrize("path", PUBLIC)
async def test_what_everybody_may_read_is_compressed(client: httpx2.AsyncClient, path: str) -> None:
    headers, plain = await raw(client, path, "identity")
    assert "content-encoding" not in headers
    packed_headers, packed = await raw(client, path, "gzip, deflate")
    assert packed_headers["content-encoding"] == "gzip"
    assert int(packed_headers["content-length"]) == len(packed) < len(plain)
    assert gzip.decompress(packed) == plain
    for found in (headers, packed_headers):
        assert found["vary"] == "Accept-Encoding"
        assert found["etag"] == headers["etag"]
        assert found["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("path", [*PUBLIC, "/api/v1/limits", "/api/v1/generators/local/puff"])
async def test_what_is_known_is_not_sent_again(client: httpx2.AsyncClient, path: str) -> None:
    reply = await client.get(path)
    for known in (reply.headers["etag"], f'"x", {reply.headers["etag"]}', "*"):
        again = await client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == reply.headers["etag"]


async def test_the_reference_keeps_its_policy(client: httpx2.AsyncClient) -> None:
    policy = (await client.get("/api/docs")).headers["content-security-policy"]
    assert "style-src 'sha256-" in policy


async def test_what_holds_secrets_is_not_compressed(client: httpx2.AsyncClient, rig: Rig) -> None:
    """The names in a job may be another's words, beside addresses that only its owner may know."""
    job = await make_job(client, *(f"a long name of a thing, number {n}" for n in range(20)))
    await rig.run_dispatched()
    for path in (f"/api/v1/jobs/{job['id']}", "/api/v1/jobs", "/api/v1/account"):
        headers, sent = await raw(client, path, "gzip, br, zstd")
        assert "content-encoding" not in headers
        json.loads(sent)


async def test_events_are_not_compressed(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "mug")
    await rig.run_dispatched()
    headers, sent = await raw(client, f"/api/v1/jobs/{job['id']}/events", "gzip, br, zstd")
    assert "content-encoding" not in headers
    assert b"event: snapshot" in sent


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip", "gzip"),
        ("gzip, br", "br"),
        ("GZIP;Q=0.5, BR;q=0", "gzip"),
        ("br;q=0.2, gzip;q=0.8", "gzip"),
        ("*", "br"),
        ("*;q=0", ""),
        ("br;q=0, *", "gzip"),
        ("identity, gzip;q=0.5", ""),
        ("gzip;q=0.0", ""),
        ("gzip;q=nonsense", ""),
        ("deflate", ""),
        ("", ""),
        (";;,,", ""),
    ],
)
def test_the_client_chooses(accepted: str, chosen: str) -> None:
    assert best_encoding(accepted, ("br", "gzip")) == chosen


def test_nothing_to_choose_from() -> None:
    assert best_encoding("gzip", ()) == ""
