"""However a run ends, the same command goes on with it and makes nothing twice."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.drawing import draw_discs
from tests.cli.running import Here, Script, names_in

OPTIONS = ("-o", "out", "-O", "face_limit=500", "-O", "texture_px=256")


@pytest.fixture
def disk_of_1_mb(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def attempts_in_last_job(here: Here) -> list[int]:
    items = here("jobs", "show", "last", "--json").json["items"]
    assert {item["state"] for item in items} == {"succeeded"}
    return [len(item["attempts"]) for item in items]


def test_killed_in_the_middle_of_a_hundred_pictures(
    script: Script, here: Here, tmp_path: Path
) -> None:
    draw_discs(tmp_path / "pictures", *(f"disc{number}.png" for number in range(85)))
    small = [f"small{number}.png" for number in range(15)]
    for number, path in enumerate(draw_discs(tmp_path / "pictures", *small)):
        path.write_bytes(path.read_bytes() + bytes(number + 1))
    run = script.start("generate", "pictures", *OPTIONS)
    run.first_lines(30)
    run.process.kill()
    assert run.wait().code == -signal.SIGKILL
    done = [name for name in names_in(tmp_path / "out") if name.endswith(".glb")]
    assert 0 < len(done) < 100
    again = script("generate", "pictures", *OPTIONS)
    assert again.code == 0, again.err
    assert "of 100 pictures are made already; making the rest." in again.err
    assert attempts_in_last_job(here) == [1] * 100
    files = names_in(tmp_path / "out")
    assert len(files) == 200
    assert not [name for name in files if name.endswith(".part")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal(
    script: Script, here: Here, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    draw_discs(tmp_path / "pictures", *(f"disc{number}.png" for number in range(40)))
    run = script.start("generate", "pictures", *OPTIONS)
    run.first_lines(5)
    os.killpg(run.process.pid, number)
    ended = run.wait()
    assert len([name for name in names_in(tmp_path / "out") if name.endswith(".glb")]) < 40
    assert ended.code == code
    assert ended.err.splitlines()[-1].startswith("Stopped. Run the same command again to go on")
    assert ended.out == ""
    assert not [name for name in names_in(tmp_path / "out") if name.endswith(".part")]
    assert here("jobs", "list", "--json").json["jobs"][0]["state"] == "paused"
    again = script("generate", "pictures", *OPTIONS)
    assert again.code == 0, again.err
    assert attempts_in_last_job(here) == [1] * 40


def test_other_pictures_wait_for_the_earlier_run_they_share_some_with(
    script: Script, here: Here, tmp_path: Path
) -> None:
    draw_discs(tmp_path / "pictures", *(f"disc{number}.png" for number in range(30)))
    run = script.start("generate", "pictures", *OPTIONS)
    run.first_lines(3)
    run.process.kill()
    run.wait()
    again = here("generate", "pictures/disc29.png", "pictures/disc3.png", *OPTIONS)
    assert again.code == 0
    assert "Finishing an earlier run of 30 pictures first" in again.err
    assert attempts_in_last_job(here) == [0, 0]


def test_cancelled_by_another_command(script: Script, here: Here, tmp_path: Path) -> None:
    draw_discs(tmp_path / "pictures", *(f"disc{number}.png" for number in range(40)))
    run = script.start("generate", "pictures", *OPTIONS)
    run.first_lines(3)
    assert here("jobs", "cancel", "last").code == 0
    ended = run.wait()
    assert ended.code == 1
    assert "cancelled" in ended.out
    assert here("generate", "pictures", *OPTIONS).code == 0
    attempts_in_last_job(here)


def test_full_disk_is_explained_and_leaves_nothing_half_written(
    here: Here, tmp_path: Path, disk_of_1_mb: Path
) -> None:
    draw_discs(tmp_path / "pictures", *(f"disc{number}.png" for number in range(8)))
    ended = here("generate", "pictures", "-o", disk_of_1_mb)
    assert ended.code == 8
    assert f"No space is left on {disk_of_1_mb}. Free some space and retry." in ended.err
    for name in names_in(disk_of_1_mb):
        assert name.endswith((".glb", ".webp"))
        content = (disk_of_1_mb / name).read_bytes()
        if name.endswith(".glb"):
            assert int.from_bytes(content[8:12], "little") == len(content)
    again = here("generate", "pictures", "-o", tmp_path / "large")
    assert again.code == 0
    assert attempts_in_last_job(here) == [1] * 8
