"""The program runs where functions and modules of Linux are missing, as on macOS and Windows."""

import operator
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from image2model.backends.inprocess.compute import ProcessCompute
from tests.cli.drawing import draw_discs
from tests.cli.running import Script
from tests.harness.patience import PATIENCE_S

MACOS = """
import os, resource
del os.sched_getaffinity
def refuse(*_): raise ValueError("current limit exceeds maximum limit")
resource.setrlimit = refuse
"""

REFUSES_OTHERWISE = """
import resource
def refuse(*_): raise OSError(22, "Invalid argument")
resource.setrlimit = resource.getrlimit = refuse
"""

WITHOUT_PROC = """
import builtins, io, os
def guarded(real):
    def open_(path, *rest, **more):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith("/proc"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return real(path, *rest, **more)
    return open_
builtins.open = io.open = guarded(io.open)
os.open = guarded(os.open)
"""

WINDOWS = (
    """
import os, select, sys
for name in (
    "sched_getaffinity", "sched_setaffinity", "nice", "wait", "geteuid", "fchmod", "fchown",
    "chown", "getpgid", "killpg", "setsid", "getloadavg", "sysconf", "mkfifo", "O_DIRECTORY",
    "O_NOFOLLOW",
):
    if hasattr(os, name):
        delattr(os, name)
for name in ("poll", "epoll"):
    delattr(select, name)
class Missing:
    names = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "uvloop"}
    def find_spec(self, name, *_):
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
for name in Missing.names:
    sys.modules.pop(name, None)
"""
    + WITHOUT_PROC
)

PLATFORMS: Mapping[str, str] = {"macOS": MACOS + WITHOUT_PROC, "Windows": WINDOWS}


@pytest.fixture(params=PLATFORMS)
def platform(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Have every Python that is started lack what the platform lacks, the computing ones too."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(PLATFORMS[request.param])
    monkeypatch.setenv("PYTHONPATH", str(folder))
    # Counted by the program itself.
    monkeypatch.delenv("IMAGE2MODEL_COMPUTE__WORKERS")
    return str(request.param)


@pytest.mark.usefixtures("platform")
def test_every_command_runs(script: Script, tmp_path: Path) -> None:
    draw_discs(tmp_path / "pictures", "cup.png")
    made = script("generate", "pictures", "-o", "out", "--json")
    assert made.code == 0, made.err
    assert made.json["counts"]["succeeded"] == 1
    assert (tmp_path / "out" / "cup.glb").read_bytes().startswith(b"glTF")
    for arguments in (
        ["doctor"],
        ["jobs", "list"],
        ["convert", "out/cup.glb", "-o", "stl", "--format", "stl"],
        ["inspect", "out/cup.glb"],
        ["keys", "create"],
        ["ledger"],
    ):
        ended = script(*arguments)
        assert ended.code == 0, (arguments, ended.err, ended.out)
        assert "Traceback" not in ended.err
    assert (tmp_path / "stl" / "cup.stl").stat().st_size > 1000


@pytest.mark.usefixtures("platform")
def test_the_server_makes_models(tmp_path: Path, script: Script) -> None:
    draw_discs(tmp_path / "pictures", "cup.png")
    running = script.start("serve", "--port", "0")
    first = running.first_output()
    assert "is ready at http" in first, running.wait().err
    url = first.split()[4]
    made = script("generate", "pictures", "-o", "out", "--server", url)
    assert made.code == 0, made.err
    assert (tmp_path / "out" / "cup.glb").read_bytes().startswith(b"glTF")
    assert httpx2.get(f"{url}/api/v1/health/ready").json()["status"] == "ok"
    running.process.send_signal(signal.SIGTERM)
    ended = running.wait()
    assert ended.code == 0, ended.err


@pytest.mark.anyio
@pytest.mark.parametrize("site", [*PLATFORMS.values(), REFUSES_OTHERWISE])
async def test_what_cannot_be_limited_is_computed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(site)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    compute = ProcessCompute(workers=1, memory_limit_bytes=1_000_000_000, niceness=1)
    try:
        assert await compute.run(PATIENCE_S, operator.add, 1, 2) == 3
    finally:
        await compute.aclose()


@pytest.mark.parametrize("site", PLATFORMS.values())
def test_the_platforms_lack_something_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    """Else these tests would show nothing."""
    (tmp_path / "sitecustomize.py").write_text(site)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = "import os; os.sched_getaffinity"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"AttributeError" in done.stderr
