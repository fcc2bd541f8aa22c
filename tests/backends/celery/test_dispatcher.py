"""How messages come to a broker, and what happens while it is away."""

import datetime as dt
import ipaddress
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from image2model.backends.celery import dispatcher as dispatcher_module
from image2model.backends.celery.broker import make_broker
from image2model.backends.celery.dispatcher import CeleryDispatcher, open_dispatcher
from image2model.core.errors import InvalidSetting
from image2model.core.generator import RunsOn
from image2model.core.ids import JobId, OwnerId, new_hex_id
from image2model.ports.dispatcher import ItemRef
from tests.harness.patience import PATIENCE_S, waiting_for
from tests.harness.rig import REAL_CHORES
from tests.servers.process import free_port
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.anyio

NewRedis = Callable[..., RedisServer]
JOB = JobId(new_hex_id())
OWNER = OwnerId("session:anna")


def items(count: int) -> list[ItemRef]:
    return [ItemRef(JOB, index) for index in range(count)]


async def until_waiting(dispatcher: CeleryDispatcher, count: int | None) -> None:
    """Wait until *count* messages wait, or None can be told."""
    with waiting_for(f"{count} messages to wait"):
        while await dispatcher.waiting(RunsOn.CPU) != count:  # noqa: ASYNC110 - Redis knows
            await anyio.sleep(0.02)


async def dispatch_at_once(dispatcher: CeleryDispatcher, sent: list[ItemRef]) -> None:
    """Dispatch within some turns of the loop, which is too soon for any answer of a broker."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            partial(dispatcher.dispatch, sent, owner=OWNER, runs_on=RunsOn.CPU), name="dispatch"
        )
        for _ in range(10):
            await checkpoint()
        running = {task.name for task in anyio.get_running_tasks()}
        assert "dispatch" not in running, "it waits for somebody"


async def send_two(url: str) -> None:
    """Send two messages through the broker at *url*, and count them there."""
    async with open_dispatcher(
        make_broker(url, longest_run_s=60.0), chores=REAL_CHORES
    ) as dispatcher:
        await dispatcher.dispatch(items(2), owner=OWNER, runs_on=RunsOn.CPU)
        await dispatcher.until_sent()
        assert await dispatcher.waiting(RunsOn.CPU) == 2
        assert await dispatcher.waiting(RunsOn.GPU) == 0


async def test_messages_are_counted(redis_url: str) -> None:
    await send_two(redis_url)


async def test_messages_wait_here_while_the_broker_is_away(new_redis: NewRedis) -> None:
    """Nobody waits for it, and each item is sent once when it is back."""
    with new_redis() as server:
        broker = make_broker(server.url(), longest_run_s=60.0)
        async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher:
            await dispatcher.dispatch(items(1), owner=OWNER, runs_on=RunsOn.CPU)
            await dispatcher.until_sent()
            server.kill()
            for _ in range(3):
                await dispatch_at_once(dispatcher, items(5))
            await until_waiting(dispatcher, None)
            server.start()
            await until_waiting(dispatcher, 5)


async def test_that_the_broker_is_away_is_said_once(
    new_redis: NewRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is tried; and that it is back."""
    with new_redis() as server:
        broker = make_broker(server.url(), longest_run_s=60.0)
        async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher:
            assert await dispatcher.waiting(RunsOn.CPU) == 0
            server.kill()
            for _ in range(2):
                assert await dispatcher.waiting(RunsOn.CPU) is None
            server.start()
            await until_waiting(dispatcher, 0)
    told = [one.getMessage() for one in caplog.records if one.name == dispatcher_module.__name__]
    assert len(told) == 2, told
    assert "does not answer" in told[0]
    assert "answers again" in told[1]


async def test_frozen_broker_holds_up_nobody(new_redis: NewRedis) -> None:
    with new_redis() as server:
        broker = make_broker(server.url(), longest_run_s=60.0)
        async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher:
            assert await dispatcher.waiting(RunsOn.CPU) == 0
            server.freeze()
            await dispatch_at_once(dispatcher, items(5))
            await until_waiting(dispatcher, None)
            server.thaw()
            await until_waiting(dispatcher, 5)


async def test_password(new_redis: NewRedis) -> None:
    with new_redis(password="open-sesame") as server:
        await send_two(server.url())


async def test_tls_with_an_authority_of_our_own(new_redis: NewRedis, tmp_path: Path) -> None:
    write_certificate(tmp_path)
    tls_port = free_port()
    options = {
        "tls_port": str(tls_port),
        "tls_cert_file": str(tmp_path / "cert.pem"),
        "tls_key_file": str(tmp_path / "key.pem"),
        "tls_ca_cert_file": str(tmp_path / "cert.pem"),
        "tls_auth_clients": "no",
    }
    with new_redis(password="open-sesame", **options):
        ca = tmp_path / "cert.pem"
        url = f"rediss://:open-sesame@127.0.0.1:{tls_port}/0"
        await send_two(f"{url}?ssl_cert_reqs=required&ssl_ca_certs={ca}")
        # Without the authority nobody is believed.
        broker = make_broker(url, longest_run_s=60.0)
        async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher:
            assert await dispatcher.waiting(RunsOn.CPU) is None


async def test_sentinel_names_the_master(new_redis: NewRedis, tmp_path: Path) -> None:
    with new_redis() as master:
        port = free_port()
        settings = tmp_path / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
            f"sentinel monitor orders 127.0.0.1 {master.port} 1\n"
        )
        command = [*master.command()[:1], str(settings), "--sentinel"]
        async with await anyio.open_process(command, stdout=None, stderr=None) as sentinel:
            try:
                await anyio.to_thread.run_sync(until_answers, port)
                url = f"sentinel://127.0.0.1:{port}/0?master_name=orders"
                await send_two(url)
                with master.client() as client:
                    assert client.llen("cpu") == 2
            finally:
                os.kill(sentinel.pid, signal.SIGKILL)


@pytest.mark.parametrize("url", ["carrier-pigeon://here", "http://127.0.0.1", "redis"])
def test_what_is_no_broker_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting):
        make_broker(url, longest_run_s=60.0)


def until_answers(port: int) -> None:
    """Wait until a Redis, of whatever kind, answers at *port*."""
    import redis  # noqa: PLC0415

    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with redis.Redis(port=port) as client:
                client.ping()
        except redis.ConnectionError:
            assert time.monotonic() < deadline_s, "nobody answers"
            time.sleep(0.02)
            continue
        return


def write_certificate(folder: Path) -> None:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
