"""A real server with its simulator, and a real browser, for the tests of the web app."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ROOT / ".tools" / "chromium"
PICTURES = ROOT / "examples" / "pictures"
VIEWS = ROOT / "examples" / "views" / "penguin"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
WEB_APP = ROOT / "src" / "image2model" / "webapp" / "index.html"

_READY_S = 30.0
_END_S = 20.0
_SCREEN = {"width": 1280, "height": 860}

# Software WebGL2, on machines without a graphics card and in containers without a sandbox.
_FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)


def missing() -> str | None:
    """Tell what is not here that these tests need; None: all is here."""
    wanted = {
        CHROMIUM: "make set-up links Chromium",
        AXE: "make check-frontend installs axe-core",
        WEB_APP: "make web builds the web app",
    }
    return next(
        (f"{path} is missing: {how}" for path, how in wanted.items() if not path.exists()), None
    )


class Site:
    """`image2model serve` as a process, which may be killed and started again at its port."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**_plain_environment(), **environment}
        self._environment["IMAGE2MODEL_DATA_DIR"] = str(folder / "data")
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it; returns when it answers."""
        port = self.url.rpartition(":")[2] or "0"
        command = [sys.executable, "-m", "image2model", "serve", "--port", port]
        with (self._folder / "serve.log").open("a") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.url = _first_line(self._process).split(" at ")[1].split()[0]

    def send(self, what: int) -> None:
        """Send it a signal that it survives: SIGSTOP has it answer nothing until SIGCONT."""
        assert self._process is not None
        self._process.send_signal(what)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it with a signal."""
        if self._process is not None:
            _end(self._process, how)
            self._process = None


@contextmanager
def open_site(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Site]:
    """Run a server over *folder* within the block."""
    site = Site(folder, environment or {})
    site.start()
    try:
        yield site
    finally:
        site.stop()


def make_key(folder: Path) -> str:
    """Make an API key for the server over *folder*, as its operator would."""
    environment = {**_plain_environment(), "IMAGE2MODEL_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "image2model", "keys", "create", "--name", "test"]
    return subprocess.check_output(command, env=environment, text=True).strip()


@dataclass(frozen=True, slots=True)
class Simulator:
    """The fal.ai simulator as a process."""

    environment: Mapping[str, str]
    control_url: str

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Give an order to it: POST with *body*, else GET."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.control_url}{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def open_simulator(*arguments: str) -> Iterator[Simulator]:
    """Run a simulator with *arguments* within the block."""
    command = [sys.executable, "-m", "image2model.testing.fal_simulator", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        about = json.loads(_first_line(process))
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(6)]
        environment = dict(line.split("=", 1) for line in lines)
        yield Simulator(environment=environment, control_url=about["control_url"])
    finally:
        _end(process, signal.SIGTERM)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run Chromium within the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM.resolve(), args=list(_FLAGS), headless=True
        )
        try:
            yield browser
        finally:
            browser.close()


def new_visitor(browser: Browser, site: Site, **choices: Any) -> BrowserContext:
    """Open a browser profile of its own, that refuses every address but the site's."""
    context = browser.new_context(
        base_url=site.url, viewport=choices.pop("viewport", _SCREEN), **choices
    )
    context.set_default_timeout(20_000)
    return context


def _plain_environment() -> dict[str, str]:
    """Copy the environment without settings of ours and without proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("IMAGE2MODEL_", "FAL_")) and "proxy" not in name.lower()
    }


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with {process.wait(timeout=_READY_S)}")
    return line


def _end(process: subprocess.Popen[str], how: int) -> None:
    process.send_signal(how)
    try:
        process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=_END_S)
    if process.stdout is not None:
        process.stdout.close()
