"""`image2model admin`, on the data folder and at a server."""

import csv
import json
from pathlib import Path

from tests.cli.drawing import disc_png
from tests.cli.running import Here, Script


def test_operator_works_on_the_data_folder(here: Here, tmp_path: Path) -> None:
    picture = tmp_path / "cup.png"
    picture.write_bytes(disc_png(1))
    made = here("generate", picture, "-o", tmp_path / "out", "--generator", "local/puff")
    assert made.code == 0, made.err
    stopped = here("admin", "stop", "--reason", "too much", "--everything")
    assert stopped.code == 0, stopped.err
    assert stopped.out.startswith("Nothing is sent any more: too much.")
    status = here("admin", "status")
    assert "Everything is STOPPED since" in status.out
    assert "too much" in status.out
    assert here("admin", "go").code == 0
    (job,) = here("admin", "jobs", "--json").json["jobs"]
    assert (job["owner"], job["state"]) == ("local", "finished")
    assert here("admin", "cancel", "--owner", "local").out == "Cancelled: 0 jobs of local.\n"
    assert here("admin", "cancel").code == 2
    assert here("admin", "cancel", "0" * 32).code == 3
    assert here("admin", "purge", "--dry-run", "--json").json["dry_run"] is True
    assert here("admin", "delete", job["id"]).code == 0
    assert here("admin", "jobs").out == "There are no such jobs.\n"
    entries = here("admin", "audit", "--json").json["entries"]
    assert [entry["action"] for entry in entries] == [
        "job_deleted",
        "owner_cancelled",
        "spending_allowed",
        "spending_stopped",
    ]
    assert all(entry["actor"].startswith("cli:") for entry in entries)
    lines = here("admin", "audit", "--export", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == entries
    table = list(csv.reader(here("admin", "audit", "--export", "csv").out.splitlines()))
    assert len(table) == 1 + len(entries)


def test_a_stop_is_answered_in_one_way(script: Script) -> None:
    """Whoever sits at the terminal gets the answer, and no line of a log beside it."""
    stopped = script("admin", "stop", "--reason", "too much")
    assert (stopped.code, stopped.err) == (0, "")
    assert stopped.out.startswith("Nothing that costs money is sent any more: too much.")
    gone_on = script("admin", "go")
    assert (gone_on.code, gone_on.err) == (0, "")
    assert gone_on.out == "What waited goes on within seconds.\n"


def test_cancelling_of_somebody_unknown_does_not_look_done(here: Here, script: Script) -> None:
    key = here("keys", "create", "--name", "bob").out.strip()
    owner = f"key:{key.split('_')[1]}"
    running = script.start("serve", "--port", "0")
    server = ("--server", running.first_output().split()[4])
    for place in ((), server):
        nobody = here("admin", "cancel", "--owner", "rob", *place)
        assert (nobody.code, nobody.out) == (3, "")
        assert "Nobody called 'rob' has anything here." in nobody.err
        assert "image2model admin status" in nobody.err
        assert "Did you mean" not in nobody.err
        named = here("admin", "cancel", "--owner", "bob", *place)
        assert (named.code, f"Did you mean {owner}?" in named.err) == (3, True)
        known = here("admin", "cancel", "--owner", owner, *place)
        assert (known.code, known.out) == (0, f"Cancelled: 0 jobs of {owner}.\n")
    entries = here("admin", "audit", "--action", "owner_cancelled", "--json").json["entries"]
    assert {entry["details"]["owner"] for entry in entries} == {owner}
