"""`webhooks`, here and at a server, and a server that is killed while it delivers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from image2model.client import verify_webhook
from image2model.client.client import Client
from tests.cli.drawing import draw_discs
from tests.cli.running import Here, Script
from tests.servers.receiver import Receiver

URL = "https://hooks.example/in"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as running:
        monkeypatch.setenv("IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS", running.host)
        yield running


def start_server(script: Script) -> str:
    """Start a server, and return its URL."""
    return script.start("serve", "--port", "0").first_output().split()[4]


def test_webhooks_of_this_data_folder(here: Here) -> None:
    assert here("webhooks", "list").out == "There are no webhooks.\n"
    added = here("webhooks", "add", URL, "--events", "job.finished,item.failed")
    assert added.out.startswith("whsec_")
    (webhook,) = here("webhooks", "list", "--json").json["webhooks"]
    assert (webhook["url"], webhook["events"]) == (URL, ["job.finished", "item.failed"])
    assert webhook["id"] in added.err
    assert "It belongs to `local`" in added.err
    assert URL in here("webhooks", "list").out
    assert here("webhooks", "log", webhook["id"]).out == "Nothing was sent.\n"
    test = here("webhooks", "test", webhook["id"], "--json").json
    assert here("webhooks", "replay", webhook["id"], test["id"]).code == 0
    (delivery,) = here("webhooks", "log", webhook["id"], "--json").json["deliveries"]
    assert (delivery["id"], delivery["state"]) == (test["id"], "waiting")
    assert "webhook.test" in here("webhooks", "log", webhook["id"]).out
    assert here("webhooks", "disable", webhook["id"]).code == 0
    assert "off (by owner)" in here("webhooks", "list").out
    assert here("webhooks", "test", webhook["id"]).code == 4
    assert here("webhooks", "enable", webhook["id"]).code == 0
    rotated = here("webhooks", "rotate", webhook["id"])
    assert rotated.out not in {added.out, ""}
    assert here("webhooks", "remove", webhook["id"]).code == 0
    assert here("webhooks", "remove", webhook["id"]).code == 3


def test_wrong_events_and_urls_are_refused(here: Here) -> None:
    wrong = here("webhooks", "add", URL, "--events", "job.ended")
    assert (wrong.code, "job.finished" in wrong.err) == (2, True)
    assert here("webhooks", "add", "http://hooks.example/in").code == 2
    for host in ("10.0.0.1", "localhost", "[::1]"):
        private = here("webhooks", "add", f"https://{host}/in")
        assert (private.code, private.out) == (2, "")
        assert "not public" in private.err
    assert here("webhooks", "list").out == "There are no webhooks.\n"


def test_a_kill_in_the_middle_loses_no_event(
    here: Here, script: Script, receiver: Receiver, tmp_path: Path
) -> None:
    """What was on its way comes again with the same id; what happened is told later."""
    pictures = draw_discs(tmp_path / "pictures", "cup.png")
    running = script.start("serve", "--port", "0")
    url = running.first_output().split()[4]
    key = here("keys", "create").out.strip()
    receiver.open.clear()
    with Client(url, api_key=key) as client:
        added = client.add_webhook(receiver.url)
        at_server = ("--named-only", "--server", url, "--api-key", key)
        other = here("webhooks", "add", URL, *at_server)
        assert (other.code, "local" in other.err) == (0, False)
        client.remove_webhook(other.err.split()[7].removesuffix("."))
        job = client.submit(pictures, generator="local/puff")
        receiver.until(1)
        client.wait(job.id)
    running.process.kill()
    receiver.open.set()

    url = start_server(script)
    came = receiver.until(4)
    events = {
        one.headers["webhook-id"]: verify_webhook(one.body, one.headers, added.secret)["type"]
        for one in came
    }
    assert list(events.values()) == ["job.started", "item.succeeded", "job.finished"]
    assert came[0].body == came[1].body
    with Client(url, api_key=key) as client:
        assert client.webhooks()[0].id == added.id
        log = here("webhooks", "log", added.id, "--server", url, "--api-key", key, "--json").json
        assert {one["id"] for one in log["deliveries"]} == set(events)
        tested = client.test_webhook(added.id)
        assert receiver.until(5)[4].headers["webhook-id"] == tested.id
        client.change_webhook(added.id, enabled=False)
        assert client.webhook(added.id).switched_off == "by_owner"
        client.remove_webhook(added.id)
        assert client.webhooks() == []
