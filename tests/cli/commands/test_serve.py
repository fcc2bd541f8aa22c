"""`serve`, and the command line and the SDK that talk to it."""

import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.cli.drawing import draw_discs
from tests.cli.running import Here, Running, Script, names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running `image2model serve`."""

    url: str
    run: Running


@pytest.fixture
def server(script: Script) -> Iterator[Server]:
    run = script.start("serve", "--port", "0")
    line = run.first_output()
    assert line.startswith("image2model is ready at http://127.0.0.1:"), run.wait().err
    yield Server(url=line.split()[4], run=run)
    run.process.send_signal(signal.SIGTERM)
    assert run.wait().code == 0


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> None:
    draw_discs(tmp_path / "pictures", "cup.png", "mug.png")


def test_generate_gives_the_same_with_a_server(here: Here, server: Server, tmp_path: Path) -> None:
    at_server = here("generate", "pictures", "-o", "there", "--server", server.url, "--json")
    assert at_server.code == 0
    assert here("generate", "pictures", "-o", "here").code == 0
    assert names_in(tmp_path / "there") == names_in(tmp_path / "here")
    mesh = "mug.glb"
    assert (tmp_path / "there" / mesh).read_bytes() == (tmp_path / "here" / mesh).read_bytes()


def test_json_is_what_the_server_says(here: Here, server: Server, tmp_path: Path) -> None:
    printed = here("generate", "pictures", "-o", "out", "--server", server.url, "--json").json
    session = (tmp_path / "data" / "server-sessions.json").read_text().split('"')[3]
    told = httpx2.get(
        f"{server.url}/api/v1/jobs/{printed['id']}", cookies={"image2model_session": session}
    )
    assert told.json() == printed


def test_next_command_finds_the_session_again(here: Here, server: Server, tmp_path: Path) -> None:
    first = here("generate", "pictures", "-o", "out", "--server", server.url, "--json").json
    again = here("generate", "pictures", "-o", "out", "--server", server.url, "--json").json
    assert again["id"] == first["id"]
    assert (tmp_path / "data" / "server-sessions.json").stat().st_mode & 0o077 == 0
    listed = here("jobs", "list", "--server", server.url, "--json").json
    assert [job["id"] for job in listed["jobs"]] == [first["id"]]


def test_settings_name_the_server_and_the_key(
    here: Here, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = here("keys", "create", "--name", "mine").out.strip()
    monkeypatch.setenv("IMAGE2MODEL_SERVER_URL", server.url)
    monkeypatch.setenv("IMAGE2MODEL_API_KEY", key)
    made = here("generate", "pictures/mug.png", "-o", "out", "--json").json
    assert here("jobs", "show", made["id"][:6], "--json").json == made
    assert here("generators", "show", "--json").json["id"] == "local/puff"
    monkeypatch.setenv("IMAGE2MODEL_API_KEY", key[:-1] + ("0" if key[-1] != "0" else "1"))
    refused = here("jobs", "list")
    assert refused.code == 5
    assert refused.err.startswith("Error: A valid API key is needed")


def test_server_refuses_with_its_own_errors(here: Here, server: Server) -> None:
    to = ("--server", server.url)
    assert here("generate", "pictures", "-o", "out", "-g", "local/none", *to).code == 3
    assert here("generate", "pictures", "-o", "out", "-O", "depth=99", *to).code == 2
    assert here("jobs", "show", "0" * 32, *to).code == 3
    assert here("jobs", "show", "last", *to).code == 3


def test_server_and_command_line_share_one_data_folder(here: Here, server: Server) -> None:
    """Both may take any item; the leases keep them apart."""
    assert here("generate", "pictures", "-o", "out").code == 0
    items = here("jobs", "show", "last", "--json").json["items"]
    assert [len(item["attempts"]) for item in items] == [1, 1]


def test_port_that_is_taken_is_told(script: Script) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = script("serve", "--port", str(taken.getsockname()[1]))
    assert ended.code == 10
    assert "cannot listen on 127.0.0.1, port" in ended.err


def test_other_machines_are_not_let_in_by_accident(here: Here) -> None:
    ended = here("serve", "--host", "0.0.0.0")
    assert ended.code == 10
    assert ended.err.startswith("Error: IMAGE2MODEL_SERVE__ACCESS: must be set before other")


@pytest.mark.parametrize("is_told", [False, True])
def test_a_proxy_that_nobody_announced_is_asked_for(
    script: Script, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_PUBLIC_URL", "https://models.example")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__ACCESS", "keys")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__BEHIND_PROXY", str(is_told).lower())
    run = script.start("serve", "--port", "0")
    assert run.first_output().startswith("image2model is ready at"), run.wait().err
    run.process.send_signal(signal.SIGTERM)
    said = run.wait().err.splitlines()
    warned = [line for line in said if line.startswith("Warning: X-Forwarded-For")]
    assert len(warned) == (0 if is_told else 1)
    assert all("IMAGE2MODEL_SERVE__BEHIND_PROXY=true" in line for line in warned)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE2MODEL_PUBLIC_URL", "https://models.example"),
        ("IMAGE2MODEL_SERVE__BEHIND_PROXY", "true"),
        ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "models.example"),
        ("IMAGE2MODEL_SERVE__HOST", "0.0.0.0"),
    ],
)
def test_others_are_let_in_only_with_access_and_a_budget(
    here: Here, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Where money can be spent; a proxy on this machine brings others, too."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("FAL_KEY", "a:b")
    ended = here("serve", "--port", "0")
    assert ended.code == 10
    assert ended.err.startswith("Error: IMAGE2MODEL_SERVE__ACCESS: must be set before other")
    monkeypatch.setenv("IMAGE2MODEL_SERVE__ACCESS", "sessions")
    ended = here("serve", "--port", "0")
    assert ended.code == 10
    assert ended.err.startswith("Error: IMAGE2MODEL_BUDGET__DAY_USD: must be set before others")


def test_server_stops_at_once(script: Script) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        run = script.start("serve", "--port", "0")
        run.first_output()
        run.process.send_signal(number)
        ended = run.wait()
        assert ended.code == 0
        assert "graceful" not in ended.err, "it waited for what has no end"


def test_budgets_are_told_and_kept_as_without_a_server(
    here: Here, script: Script, plugin: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fits is made, and the rest is left with its reason."""
    del plugin
    monkeypatch.setenv("IMAGE2MODEL_BUDGET__DAY_USD", "0.35")
    run = script.start("serve", "--port", "0")
    try:
        url = run.first_output().split()[4]
        command = ("generate", "pictures", "-o", "out", "-g", "scripted/cube", "--server", url)
        plan = here(*command, "--dry-run", "--json").json
        assert (plan["items_that_fit"], plan["day_left_usd"]) == (1, 0.35)
        ended = here(*command, "--budget", "0.2")
        assert ended.code == 6
        assert "The job budget of $0.20 does not pay for 1 more." in ended.out
        plan = here(*command, "--dry-run", "--json").json
        assert (plan["items_that_fit"], plan["day_left_usd"]) == (0, 0.15)
        key = here("keys", "create", "--name", "one", "--day-usd", "0.1").out.strip()
        ended = here(*command, "--api-key", key)
        assert "Your day budget of $0.10 does not pay for 2 more." in ended.out
        assert "`image2model keys change`" in ended.out
    finally:
        run.process.send_signal(signal.SIGTERM)
        assert run.wait().code == 0
