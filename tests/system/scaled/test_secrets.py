"""Secrets stay where they belong: none is logged, listed, exported or handed to a child."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import psutil
import pytest

from tests.servers.process import free_port
from tests.servers.receiver import Receiver
from tests.system.scaled.installation import Installation, Program, Simulator
from tests.system.scaled.shopping import Watcher, submit

pytestmark = pytest.mark.anyio

DATABASE_PASSWORD = "d4tabase-p4ssword"
QUEUE_PASSWORD = "qu3ue-p4ssword"
PATIENCE_S = 300.0


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(tmp_path, "--median-s", "0.05", "--mesh-bytes", "2000") as simulator:
        yield simulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def installation(
    tmp_path: Path, redis_url: str, postgres_url: str, simulator: Simulator, receiver: Receiver
) -> Iterator[Installation]:
    settings = {
        **simulator.environment,
        "IMAGE2MODEL_LOG_LEVEL": "debug",
        "IMAGE2MODEL_QUEUE_URL": redis_url.replace("//", f"//default:{QUEUE_PASSWORD}@"),
        # The server believes everybody, so that the password may be any.
        "IMAGE2MODEL_DATABASE_URL": postgres_url.replace("@", f":{DATABASE_PASSWORD}@"),
        "IMAGE2MODEL_COMPUTE__WORKERS": "1",
        "IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS": receiver.host,
    }
    with Installation(tmp_path, settings) as installation:
        yield installation


@pytest.fixture
def password(redis_url: str) -> Iterator[None]:
    """Give the queue a password, and take it away again."""
    with redis_of(redis_url) as client:
        client.config_set("requirepass", QUEUE_PASSWORD)
        yield
        client.config_set("requirepass", "")


def redis_of(url: str) -> Any:
    """Connect as the server's owner does; who is connected stays so."""
    import redis  # noqa: PLC0415 - installed with the scaled mode only

    return redis.Redis.from_url(url, single_connection_client=True)


@pytest.mark.usefixtures("password")
async def test_no_secret_gets_out(
    installation: Installation, simulator: Simulator, receiver: Receiver, tmp_path: Path
) -> None:
    """Use all that has a secret, at the chattiest level, and look at all that others may see."""
    installation.add_worker()
    web, url = installation.add_web()
    installation.start()
    key = installation.run("keys", "create", "--name", "test").strip()
    secrets = {
        "maker's key": simulator.environment["FAL_KEY"],
        "database password": DATABASE_PASSWORD,
        "queue password": QUEUE_PASSWORD,
        "API key": key.rpartition("_")[2],
    }
    seen: dict[str, str] = {}
    with anyio.fail_after(PATIENCE_S):
        async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
            job = f"{url}/api/v1/jobs/{await submit(http, url, 1)}"
            secrets["session"] = http.cookies["image2model_session"]
            await Watcher(http, url, job.rpartition("/")[2]).watch()
            shared = (await http.post(f"{job}/shares", json={})).json()
            secrets["shared link"] = shared["url"].rpartition("/")[2]
            signed = {"Authorization": f"Bearer {key}"}
            webhook = await http.post(
                f"{url}/api/v1/webhooks", json={"url": receiver.url}, headers=signed
            )
            secrets["webhook secret"] = webhook.json()["secret"].removeprefix("whsec_")
            hook = f"{url}/api/v1/webhooks/{webhook.json()['id']}"
            await http.post(f"{hook}/test", headers=signed)
            await anyio.to_thread.run_sync(receiver.until, 1)
            await http.get(f"{url}{shared['url']}")
            for path in ("jobs", "shares", "account", "keys", "webhooks", "ledger.csv", "metrics"):
                for caller, headers in (("browser", {}), ("key", signed)):
                    reply = await http.get(f"{url}/api/v1/{path}", headers=headers)
                    seen[f"{path} for {caller}"] = f"{dict(reply.headers)} {reply.text}"
            for path in ("openapi.json", "health/ready", "generators", "limits"):
                seen[path] = (await http.get(f"{url}/api/v1/{path}")).text
            seen["deliveries"] = (await http.get(f"{hook}/deliveries", headers=signed)).text
            seen["job"] = (await http.get(job)).text
            seen["links"] = (await http.get(f"{job}/shares")).text
            # What is wrong is told without what came with it.
            for headers in ({"Authorization": f"Bearer {key}x"}, {"X-Key": key * 2_000}, signed):
                reply = await http.post(f"{url}/api/v1/jobs", content=b"{", headers=headers)
                seen[f"error {len(seen)}"] = reply.text
            reply = await http.get(f"{url}{shared['url']}x")
            seen["wrong link"] = reply.text.replace(f"{shared['url']}x", "")
    children = psutil.Process(web.pid).children(recursive=True)
    assert children
    for child in children:
        seen[f"environment of {child.name()}"] = str(child.environ())
    for program in installation.programs:
        family = psutil.Process(program.pid)
        for one in [family, *family.children(recursive=True)]:
            seen[f"arguments of {one.pid}"] = str(one.cmdline())
    seen["doctor"] = installation.run("doctor", "--json")
    for program in installation.programs:
        program.kill()
    seen["logs"] = installation.logs()
    assert " DEBUG " in seen["logs"]
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            seen[str(file)] = file.read_bytes().decode("latin-1")
    assert leaks(seen, secrets) == []


def test_what_is_out_of_reach_is_named_without_its_password(installation: Installation) -> None:
    nobody = f"//someone:{DATABASE_PASSWORD}@127.0.0.1:{free_port()}/0"
    environment = {
        **installation.environment,
        "IMAGE2MODEL_DATABASE_URL": f"postgresql:{nobody}",
        "IMAGE2MODEL_QUEUE_URL": f"redis:{nobody}",
    }
    seen = {
        command: subprocess.run(
            [Program.command, command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        ).stdout
        for command in ("doctor", "worker")
    }
    assert all(seen.values())
    assert leaks(seen, {"password": DATABASE_PASSWORD}) == []


def leaks(seen: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """Tell which of the *secrets* are in what was *seen*, and where."""
    return [
        f"{secret} in {place}: {text[max(0, found.start() - 80) : found.end() + 20]!r}"
        for place, text in seen.items()
        for secret, value in secrets.items()
        for found in re.finditer(re.escape(value), text)
    ]
