"""What a computing process has, and what it could do once a file of a stranger took it over."""

import json
import os
import pickle
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from image2model.backends.inprocess.compute import ProcessCompute
from image2model.core.errors import ComputeCrashed
from image2model.settings import harmless_environment
from tests.contracts import compute_functions as functions

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

LIMIT_S = 60.0
LENGTH = struct.Struct("!Q")

SECRETS = {
    "FAL_KEY": "a:secret",
    "FAL_KEY_SECRET": "secret",
    "IMAGE2MODEL_DATABASE_URL": "postgresql://me:secret@host/db",
    "IMAGE2MODEL_ACCESS": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "GOOGLE_APPLICATION_CREDENTIALS": "/secret",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
    "REDIS_URL": "redis://:secret@host",
    "PYTHON_KEYRING_SECRET": "secret",
    "HTTPS_PROXY": "http://me:secret@host",
}


@pytest.fixture
async def compute() -> AsyncIterator[ProcessCompute]:
    made = ProcessCompute(
        workers=1, memory_limit_bytes=600_000_000, environment=harmless_environment()
    )
    async with aclosing(made):
        yield made


async def test_it_is_told_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TZ", "UTC")
    made = ProcessCompute(workers=1, environment=harmless_environment())
    async with aclosing(made) as compute:
        there = await compute.run(LIMIT_S, functions.environment)
        at_first = await compute.run(LIMIT_S, functions.first_environment)
    assert there["TZ"] == "UTC"
    assert not SECRETS.keys() & there.keys()
    assert "secret" not in at_first


async def test_by_default_it_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "a:secret")
    async with aclosing(ProcessCompute(workers=1)) as compute:
        assert await compute.run(LIMIT_S, functions.first_environment) == ""


async def test_it_has_nothing_open_of_its_parent(compute: ProcessCompute, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch()
    descriptor = os.open(secret, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        found = await compute.run(LIMIT_S, functions.open_files)
    finally:
        os.close(descriptor)
    assert str(secret) not in found.values()
    # Its three standard streams, and the calls and answers.
    assert len(found) == 5, found


async def test_it_gave_up_what_it_does_not_need(compute: ProcessCompute, tmp_path: Path) -> None:
    limits = await compute.run(LIMIT_S, functions.limits)
    assert limits == {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 2**30,
        "RLIMIT_NOFILE": 128,
        "RLIMIT_DATA": 600_000_000,
    }
    path = str(tmp_path / "file")
    with pytest.raises(OSError, match="File too large"):
        await compute.run(LIMIT_S, functions.write_sparse, path, 2**30)
    with pytest.raises(OSError, match="Too many open files"):
        await compute.run(LIMIT_S, functions.open_many, path, 200)
    assert await compute.run(LIMIT_S, functions.double, b"a") == b"aa"


async def test_its_answers_run_no_code(compute: ProcessCompute, tmp_path: Path) -> None:
    """Neither what a function returns, nor what is written in place of an answer."""
    ran = tmp_path / "ran"
    pickled = pickle.dumps(("returned", functions.RunsCode(str(ran)), ""))
    with pytest.raises(TypeError, match="no plain value"):
        await compute.run(LIMIT_S, functions.answer_with_code, str(ran))
    for raw in (LENGTH.pack(len(pickled)) + pickled, _parts(pickled)):
        with pytest.raises(ComputeCrashed):
            await compute.run(LIMIT_S, functions.answer_with, raw)
    assert not ran.exists()


def _parts(*parts: bytes) -> bytes:
    return LENGTH.pack(len(parts)) + b"".join(LENGTH.pack(len(part)) + part for part in parts)


@pytest.mark.parametrize(
    "raw",
    [
        LENGTH.pack(0),
        LENGTH.pack(2**63),
        LENGTH.pack(1) + LENGTH.pack(2**62),
        LENGTH.pack(1) + LENGTH.pack(600_000_001),
        _parts(b"null"),
        _parts(b'["tuple", "returned", 1]'),
        _parts(b'["tuple", "raised", 1, ""]'),
        _parts(b'["tuple", "returned", ["bytes", 7], ""]'),
        _parts(json.dumps(["tuple", "raised", ["exception", "exit", ["tuple"]], ""]).encode()),
    ],
    ids=range(9),
)
async def test_nonsense_costs_its_call_only(compute: ProcessCompute, raw: bytes) -> None:
    with pytest.raises(ComputeCrashed):
        await compute.run(LIMIT_S, functions.answer_with, raw)
    assert await compute.run(LIMIT_S, functions.double, b"a") == b"aa"
