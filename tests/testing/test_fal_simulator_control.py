"""The control API, and the simulator as a process of its own."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from image2model.testing.fal_simulator.faults.actions import ACTIONS, OPERATIONS
from tests.testing.fal_simulator_rig import FOR_EVER, HELD, PICTURE, TRIPO, running

pytestmark = pytest.mark.anyio


async def test_faults_are_added_listed_and_removed() -> None:
    async with running() as rig:
        faults = f"{rig.fal.control_url}/faults"
        rules = [
            {"on": "submit", "action": "unavailable", "times": 1},
            {"on": "status", "action": "server_error"},
        ]
        ids = (await rig.http.post(faults, json=rules)).json()["ids"]
        assert (await rig.post()).status_code == 503
        accepted = await rig.submit()
        listed = (await rig.http.get(faults)).json()
        assert [(one["id"], one["matched"], one["applied"]) for one in listed] == [
            (ids[0], 2, 1),
            (ids[1], 0, 0),
        ]
        await rig.http.delete(f"{faults}?id={ids[1]}")
        assert (await rig.http.get(accepted["status_url"])).status_code == 200
        await rig.http.delete(faults)
        assert (await rig.http.get(faults)).json() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"on": "submit", "action": "explode"}),
        ("faults", {"on": "submit", "action": "unavailable", "nht": 1}),
        ("faults", {"action": "unavailable"}),
        ("faults", {"on": "submit", "action": "delay", "options": {"seconds": 1}}),
        ("faults", {"on": "submit", "action": "delay", "options": [1]}),
        ("faults", ["unavailable"]),
        ("latency", {"median_seconds": 1}),
        ("account", {"balance": 1}),
    ],
)
async def test_mistakes_are_answered_in_words(path: str, body: object) -> None:
    async with running() as rig:
        answer = await rig.http.post(f"{rig.fal.control_url}/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["message"]


async def test_ledger_tells_submits_apart() -> None:
    async with running(HELD) as rig:
        await rig.submit()
        await rig.post(authorization="Key wrong")
        ledger = (await rig.http.get(f"{rig.fal.control_url}/ledger")).json()
    assert ledger["calls"]["submit"] == 2
    assert ledger["submits_per_picture"] == {PICTURE: 2}
    assert ledger["accepted_per_picture"] == {PICTURE: 1}
    assert ledger["submits_per_key"] == {rig.fal.key: 1, "wrong": 1}
    assert [one["outcome"] for one in ledger["submits"]] == ["accepted", "refused"]


async def test_calls_can_be_waited_for() -> None:
    async with running(HELD) as rig:
        url = f"{rig.fal.control_url}/calls?operation=submit&at_least=2"
        waiting = asyncio.ensure_future(rig.http.get(f"{url}&wait_s=5"))
        await rig.submit()
        await rig.submit()
        assert (await waiting).json() == {"operation": "submit", "count": 2, "reached": True}
        late = await rig.http.get(f"{rig.fal.control_url}/calls?operation=result&at_least=1")
        assert late.json()["reached"] is False


async def test_held_requests_are_moved_by_hand() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        base = f"{rig.fal.control_url}/requests"
        states = []
        for verb in ("start", "requeue", "start", "finish"):
            moved = await rig.http.post(f"{base}/{accepted['request_id']}/{verb}")
            states.append(moved.json()["state"])
        listed = (await rig.http.get(base)).json()
        unknown = await rig.http.post(f"{base}/none/finish")
    assert states == ["IN_PROGRESS", "IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert [one["runs"] for one in listed] == [2]
    assert listed[0]["arguments"] == {"image_url": PICTURE}
    assert unknown.status_code == 404


async def test_latency_of_one_endpoint() -> None:
    async with running() as rig:
        body = {"endpoint": "fal-ai/*", "held": True}
        await rig.http.post(f"{rig.fal.control_url}/latency", json=body)
        await rig.follow(await rig.submit(TRIPO))
        slow = await rig.submit("fal-ai/trellis-2")
        assert (await rig.http.get(slow["status_url"])).json()["status"] == "IN_QUEUE"


async def test_account_is_exhausted_and_revoked() -> None:
    async with running(FOR_EVER) as rig:
        url = f"{rig.fal.control_url}/account"
        await rig.http.post(url, json={"balance_usd": 0})
        assert (await rig.post()).status_code == 403
        await rig.http.post(url, json={"balance_usd": 5, "revoked": True})
        assert (await rig.post()).status_code == 401
        await rig.http.post(url, json={"revoked": False})
        assert (await rig.post()).status_code == 200


async def test_files_and_results_expire_on_order() -> None:
    async with running() as rig:
        accepted = await rig.submit()
        await rig.follow(accepted)
        result = (await rig.http.get(accepted["response_url"])).json()
        expire = f"{rig.fal.control_url}/expire"
        image, mesh = result["rendered_image"]["url"], result["model_mesh"]["url"]
        assert (await rig.http.post(expire, json={"url": mesh})).json() == {"expired": True}
        assert (await rig.http.get(mesh)).status_code == 404
        assert (await rig.http.get(image)).status_code == 200
        await rig.http.post(expire)
        assert (await rig.http.get(image)).status_code == 404
        await rig.http.post(expire, json={"request_id": accepted["request_id"]})
        assert (await rig.http.get(accepted["response_url"])).status_code == 404


async def test_keys_rotate_on_order() -> None:
    async with running() as rig:
        jwks = f"{rig.fal.rest_url}/.well-known/jwks.json"
        before = (await rig.http.get(jwks)).json()
        after = (await rig.http.post(f"{rig.fal.control_url}/rotate_webhook_key")).json()
        assert (await rig.http.get(jwks)).json() == after != before


async def test_listener_closes_and_drops_connections_on_order() -> None:
    async with running() as rig:
        for verb in ("disconnect", "refuse"):
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.fal.port)
            answer = await rig.http.post(f"{rig.fal.control_url}/{verb}", json={"for_s": 60})
            assert answer.status_code == 200
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
        with pytest.raises(httpx2.ConnectError):
            await rig.http.get(f"{rig.fal.control_url}/ledger")


async def test_reset_forgets_everything() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        await rig.http.post(
            f"{rig.fal.control_url}/faults", json={"on": "submit", "action": "retired"}
        )
        await rig.http.post(f"{rig.fal.control_url}/reset")
        assert (await rig.http.get(accepted["status_url"])).status_code == 404
        assert rig.fal.ledger.submits == []
        await rig.submit()


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/_control/nothing", "/queue", "/rest/x"])
async def test_other_paths_are_404(path: str) -> None:
    async with running() as rig:
        answer = await rig.http.get(f"http://127.0.0.1:{rig.fal.port}{path}")
    assert answer.status_code == 404


@asynccontextmanager
async def simulator_process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the simulator in a process, and stop it by SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "image2model.testing.fal_simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("FAL_")},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def test_process_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"on": "submit", "action": "unavailable", "times": 1}))
    port_file = tmp_path / "port"
    arguments = ("--port-file", str(port_file), "--faults", str(faults), "--median-s", "0")
    async with simulator_process(*arguments) as process:
        assert process.stdout is not None
        urls = json.loads(await process.stdout.readline())
        lines = [(await process.stdout.readline()).decode().strip() for _ in range(6)]
        environment = dict(line.split("=", 1) for line in lines)
        async with httpx2.AsyncClient(trust_env=False) as http:
            submit = f"{environment['IMAGE2MODEL_FAL__QUEUE_URL']}/{TRIPO}"
            headers = {"authorization": f"Key {environment['FAL_KEY']}"}
            answers = [
                await http.post(submit, json={"image_url": PICTURE}, headers=headers)
                for _ in range(2)
            ]
            ledger = (await http.get(f"{urls['control_url']}/ledger")).json()
        assert int(port_file.read_text()) == urls["port"]
    assert [answer.status_code for answer in answers] == [503, 200]
    assert ledger["accepted_per_picture"] == {PICTURE: 1}
    assert environment.keys() == {
        "IMAGE2MODEL_FAL__QUEUE_URL",
        "IMAGE2MODEL_FAL__REST_URL",
        "IMAGE2MODEL_FAL__CDN_URL",
        "IMAGE2MODEL_FAL__API_URL",
        "IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS",
        "FAL_KEY",
    }
    assert environment["IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS"] == f"127.0.0.1:{urls['port']}"
    assert process.returncode == 0


async def test_process_refuses_rules_that_cannot_work(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('{"on": "submit", "action": "explode"}')
    async with simulator_process("--faults", str(faults)) as process:
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"'explode' is none of" in errors
    assert b"Traceback" not in errors


def test_reference_names_every_operation_action_and_option() -> None:
    reference = Path(__file__).parents[2] / "docs" / "reference" / "fal-simulator.md"
    text = reference.read_text()
    assert [name for name in OPERATIONS if f"`{name}`" not in text] == []
    for name, facts in ACTIONS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert [option for option in facts.options if f"`{option}`" not in row] == [], name
    named = set(re.findall(r"^\| `(\w+)` \| ", text, re.MULTILINE))
    assert named - ACTIONS.keys() == {
        "on",
        "action",
        "nth",
        "skip",
        "times",
        "probability",
        "options",
        "ledger",
    }
