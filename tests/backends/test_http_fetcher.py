"""Reading foreign URLs: what is public, what is not, and what breaks on the way."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from image2model.backends.http.fetcher import HttpFetcher
from image2model.backends.http.public_network import is_public
from image2model.core.errors import ArtifactTooLarge, FetchBroken, FetchGone, FetchRefused
from image2model.ports.webhooks import Answer
from image2model.testing.fal_simulator import Behaviour, FalSimulator, Latency
from tests.harness.patience import PATIENCE_S
from tests.servers.receiver import Receiver
from tests.testing.fal_simulator_rig import running

pytestmark = pytest.mark.anyio

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.0.9",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001::1",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "100:0:0:1::1",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "2620:4f:8000::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fec0::1",
    "192.0.0.170",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known_in_every_disguise(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "104.16.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.32.0.1",
        "198.20.0.1",
        "2606:4700::1111",
        "2001:200::1",
        "2620:4f:8001::1",
        "3ffe::1",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@asynccontextmanager
async def fetching(
    *allowed: str, addresses: Sequence[str] = ("127.0.0.1",)
) -> AsyncIterator[HttpFetcher]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    fetcher = HttpFetcher(allowed_private_hosts=allowed, resolve=resolve)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def read(
    fetcher: HttpFetcher, url: str, *, limit_bytes: int = 10**6, start: int = 0
) -> bytes:
    async with fetcher.fetch(url, limit_bytes=limit_bytes, start=start) as file:
        return b"".join([chunk async for chunk in file.chunks])


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example/a.glb",
        "https://127.0.0.1/a.glb",
        "https://127.1/a.glb",
        "https://2130706433/a.glb",
        "https://[::1]/a.glb",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://models.example:8443/a.glb",
        "https://user:password@models.example/a.glb",
        "https://rebinding.example/a.glb",
        "ftp://models.example/a.glb",
        "file:///etc/passwd",
        "data:text/plain,x",
        "https://",
        "//models.example/a.glb",
        "no url at all",
        "",
        "https://[broken/a.glb",
    ],
)
async def test_nothing_private_is_read(url: str) -> None:
    """The name resolves to this machine, as that of an attacker may."""
    async with fetching() as fetcher:
        with pytest.raises(FetchRefused):
            await read(fetcher, url)


async def test_one_private_address_among_public_ones_is_enough() -> None:
    async with fetching(addresses=["8.8.8.8", "10.0.0.1"]) as fetcher:
        with pytest.raises(FetchRefused, match="not public"):
            await read(fetcher, "https://mixed.example/a.glb")


async def test_a_host_without_an_address_is_tried_again_later() -> None:
    async def fail(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such host")

    fetcher = HttpFetcher(resolve=fail)
    with pytest.raises(FetchBroken, match=r"cannot be found"):
        await read(fetcher, "https://missing.example/a.glb")
    await fetcher.aclose()


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[FalSimulator, HttpFetcher, str]]:
    """Run a content network with one file of 100 kB, and a fetcher that may read from it."""
    async with running(Latency(median_s=0.0)) as rig:
        url = await rig.mesh_url()
        async with fetching(f"127.0.0.1:{rig.fal.port}") as fetcher:
            yield rig.fal, fetcher, url


async def test_allowed_hosts_are_read() -> None:
    async with serving() as (_, fetcher, url):
        whole = await read(fetcher, url)
        assert whole[:4] == b"glTF"
        assert len(whole) == Behaviour().mesh_bytes
        assert await read(fetcher, url, start=500) == whole[500:]


async def test_a_port_that_is_not_allowed_is_not_read() -> None:
    async with serving() as (fal, _, url), fetching(f"127.0.0.1:{fal.port + 1}") as other:
        with pytest.raises(FetchRefused):
            await read(other, url)


async def test_redirects_are_looked_at() -> None:
    """A host that may be read from cannot send us to one that may not."""
    async with serving() as (fal, fetcher, url):
        fal.add_fault("download", "redirect", times=1)
        with pytest.raises(FetchRefused, match="localhost"):
            await read(fetcher, url)
        fal.add_fault("download", "redirect", times=1, options={"to": url, "status": 307})
        assert (await read(fetcher, url))[:4] == b"glTF"
        fal.add_fault("download", "redirect", times=1, options={"to": "/no/such/file"})
        with pytest.raises(FetchGone):
            await read(fetcher, url)
        fal.add_fault("download", "redirect", options={"to": url})
        with pytest.raises(FetchRefused, match="without end"):
            await read(fetcher, url)


@pytest.mark.parametrize("action", ["reset_before", "reset_midway", "cut_short", "wrong_length"])
async def test_broken_downloads_are_not_taken_for_whole(action: str) -> None:
    async with serving() as (fal, fetcher, url):
        fal.add_fault("download", action, times=1)
        with pytest.raises(FetchBroken):
            await read(fetcher, url)
        assert (await read(fetcher, url))[:4] == b"glTF"


@pytest.mark.parametrize("action", ["unavailable", "rate_limited", "nginx_502", "server_error"])
async def test_passing_faults_may_be_tried_again(action: str) -> None:
    async with serving() as (fal, fetcher, url):
        fal.add_fault("download", action)
        with pytest.raises(FetchBroken):
            await read(fetcher, url)


async def test_dead_urls_are_gone() -> None:
    async with serving() as (fal, fetcher, url):
        fal.expire_file(url)
        with pytest.raises(FetchGone):
            await read(fetcher, url)
        assert not (await fetcher.peek(url, limit_s=5.0)).alive


async def test_sizes_are_kept_to() -> None:
    """Whether the server says how large it is or not."""
    async with serving() as (fal, fetcher, url):
        with pytest.raises(ArtifactTooLarge):
            await read(fetcher, url, limit_bytes=99_999)
        fal.add_fault("download", "wrong_length", options={"by_bytes": -50_000})
        with pytest.raises(ArtifactTooLarge):
            await read(fetcher, url, limit_bytes=49_999)


async def test_a_file_can_be_looked_at_without_reading_it() -> None:
    async with serving() as (fal, fetcher, url):
        peek = await fetcher.peek(url, limit_s=5.0)
        assert peek.alive
        assert peek.size_bytes == Behaviour().mesh_bytes
        fal.add_fault("download", "missing", times=1, options={"status": 405})
        assert (await fetcher.peek(url, limit_s=5.0)).size_bytes == Behaviour().mesh_bytes
        fal.add_fault("download", "hang_before")
        with pytest.raises(FetchBroken, match="no answer"):
            await fetcher.peek(url, limit_s=0.1)


async def test_no_credentials_are_sent() -> None:
    async with serving() as (fal, fetcher, url):
        await read(fetcher, url)
        assert fal.ledger.violations == []


@pytest.mark.parametrize("url", ["http://hooks.example/in", "https://hooks.example/in"])
async def test_nothing_is_posted_to_private_addresses(url: str) -> None:
    async with fetching() as fetcher:
        with pytest.raises(FetchRefused):
            await fetcher.post(url, headers={}, body=b"{}", limit_s=5.0)


async def test_a_receiver_that_does_not_answer_is_left() -> None:
    with Receiver() as receiver:
        receiver.open.clear()
        async with fetching(receiver.host) as fetcher:
            with pytest.raises(FetchBroken, match=r"no answer in 0\.1 s"):
                await fetcher.post(receiver.url, headers={}, body=b"{}", limit_s=0.1)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("1e9", None),
        ("9999999", None),
        ("", None),
    ],
)
async def test_a_receiver_says_when_to_come_again(said: str | None, wait_s: float | None) -> None:
    """In seconds; whatever else it may say is left aside."""
    with Receiver() as receiver:
        receiver.statuses = [503]
        receiver.headers = {} if said is None else {"retry-after": said}
        async with fetching(receiver.host) as fetcher:
            answer = await fetcher.post(
                receiver.url, headers={"x-said": "this"}, body=b"{}", limit_s=PATIENCE_S
            )
    assert answer == Answer(status=503, retry_after_s=wait_s)
    (received,) = receiver.received
    assert (received.headers["x-said"], received.body) == ("this", b"{}")
