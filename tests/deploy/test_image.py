"""The image is built of files that are there, by commands that work."""

import json
import re

from tests.deploy.reading import DEPLOY, check_command

TOP = DEPLOY.parent
TEXT = (DEPLOY / "Dockerfile").read_text()


def copied() -> list[str]:
    """What is copied from the checkout, not from another stage."""
    lines = [line.split() for line in TEXT.splitlines() if line.startswith("COPY ")]
    own = [words for words in lines if "--from=" not in words[1]]
    return [path.removeprefix("./") for words in own for path in words[1:-1]]


def test_what_is_copied_exists_and_is_sent_to_the_builder() -> None:
    sent = {
        line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert len(copied()) >= 7
    for path in copied():
        assert (TOP / path).exists(), path
        assert any(path == one or path.startswith(f"{one}/") for one in sent), path


def test_every_stage_that_is_copied_from_exists() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", TEXT, re.MULTILINE))
    assert set(re.findall(r"--from=(\w+)", TEXT)) == stages


def test_extras_are_ours() -> None:
    project = (TOP / "pyproject.toml").read_text()
    for extra in set(re.findall(r"--extra (\w+)", TEXT)):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_web_app_is_where_the_build_puts_it() -> None:
    configured = re.search(r"pages: '\.\./(\S+)'", (TOP / "frontend/vite.config.ts").read_text())
    assert configured is not None
    assert f"/build/{configured[1]} ./{configured[1]}" in TEXT


def test_it_starts_a_command_of_ours_and_not_as_root() -> None:
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", TEXT, re.MULTILINE)[-1])
    assert entry == ["image2model"]
    check_command(json.loads(re.findall(r"^CMD (.*)$", TEXT, re.MULTILINE)[-1]))
    last = TEXT.rpartition("\nFROM ")[2]
    assert "\nUSER image2model\n" in last
