"""The web app in Chromium: script sizes, first page, a job of 200 items, event to pixel."""

import io
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import PIL.Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.journey import add, make, open_upload, open_viewer, pictures, wait_for_results
from tests.e2e.site import (
    WEB_APP,
    Site,
    missing,
    new_visitor,
    open_browser,
    open_simulator,
    open_site,
)

ITEMS = 200
MAKING = 100
"""Items that are still being made; the others are done, and show their previews."""

SIDE_PX = 512
UPDATES = 30
CHANGED = 10
ROUNDS = 5
SETTLE_MS = 1500

# Notes when news of a job arrive, and when the frame that shows them has been painted.
CLOCK = """
    window.delays = [];
    const listen = EventSource.prototype.addEventListener;
    EventSource.prototype.addEventListener = function (name, heard) {
        listen.call(this, name, (event) => {
            const came = performance.now();
            heard(event);
            if (name === 'job') {
                requestAnimationFrame(() => {
                    const channel = new MessageChannel();
                    channel.port1.onmessage = () => window.delays.push(performance.now() - came);
                    channel.port2.postMessage(0);
                });
            }
        });
    };
"""


# The code of other pages is fetched ahead, 1.5 s after the page is there; it is no part of it.
NOTHING_AHEAD = """
    const later = window.setTimeout;
    window.setTimeout = (deed, ms, ...rest) => (ms === 1500 ? 0 : later(deed, ms, ...rest));
"""


def main() -> None:
    """Measure everything, one thing after the other."""
    if reason := missing():
        sys.exit(reason)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        open_browser() as browser,
        open_simulator("--median-s", "1.0", "--sigma", "0.5") as simulator,
        open_site(Path(folder), simulator.environment) as site,
    ):
        measure_scripts(browser, site)
        measure_first_page(browser, site)
        measure_event_to_pixel(browser, site)
        measure_large_job(browser, site)


@contextmanager
def visitor(browser: Browser, site: Site) -> Iterator[Page]:
    """Open a page of a new visitor within the block."""
    with new_visitor(browser, site) as context:
        yield context.new_page()


def measure_scripts(browser: Browser, site: Site) -> None:
    """Add up the scripts that the first page and the viewer load."""
    with visitor(browser, site) as page:
        loaded: list[str] = []
        page.add_init_script(NOTHING_AHEAD)
        page.on("request", lambda asked: loaded.append(urlsplit(asked.url).path))
        open_upload(page)
        first = gzip_bytes(loaded)
        add(page, pictures()[:1])
        make(page, 1)
        wait_for_results(page)
        results = gzip_bytes(loaded)
        open_viewer(page, "badge")
        viewer = gzip_bytes(loaded) - results
    print(f"scripts, gzip: first page {first / 1e3:.1f} kB  (promise: <= 90)")
    print(f"               job page, too: {(results - first) / 1e3:.1f} kB")
    print(f"               viewer {viewer / 1e3:.1f} kB  (promise: <= 260)")


def gzip_bytes(paths: list[str]) -> int:
    """Tell how large the scripts among *paths* are, packed, each counted once."""
    scripts = {path for path in paths if path.endswith(".js")}
    return sum((WEB_APP.parent / f"{path[1:]}.gz").stat().st_size for path in scripts)


def measure_first_page(browser: Browser, site: Site) -> None:
    """Time the first page of a new visitor until its generators can be chosen."""
    times_s = []
    for _ in range(ROUNDS):
        with visitor(browser, site) as page:
            started_s = time.perf_counter()
            page.goto("/", wait_until="commit")
            expect(page.locator("input[name=generator]").first).to_be_enabled()
            times_s.append(time.perf_counter() - started_s)
    print(
        f"interactive, nothing cached: median {statistics.median(times_s):.2f} s, "
        f"best {min(times_s):.2f} s  (promise: < 1 s)"
    )


def measure_event_to_pixel(browser: Browser, site: Site) -> None:
    """Time the way of real events from their arrival in the page to the painted frame."""
    with visitor(browser, site) as page:
        page.add_init_script(CLOCK)
        open_upload(page, generator="Tripo v2.5", provider="fal")
        add(page, pictures())
        make(page, 12)
        wait_for_results(page)
        delays_ms: list[float] = sorted(page.evaluate("() => window.delays"))
    print(
        f"event to pixel: median {statistics.median(delays_ms):.0f} ms, "
        f"95 % {delays_ms[int(len(delays_ms) * 0.95)]:.0f} ms of {len(delays_ms)}  "
        "(promise: median < 150 ms)"
    )


def measure_large_job(browser: Browser, site: Site) -> None:
    """
    Measure what the main thread does for one update of a job with many items.

    In seconds of the processor, so that other programs do not count.
    """
    served = LargeJob()
    with visitor(browser, site) as page:
        page.route(f"**/api/v1/jobs/{served.id}**", served.answer)
        page.route("**/events*", lambda route: route.abort())
        page.goto(f"/jobs/{served.id}")
        expect(page.locator("li[data-state]")).to_have_count(ITEMS)
        page.wait_for_timeout(SETTLE_MS)
        version = served.version
        browser.start_tracing(page=page, categories=["cc", "devtools.timeline", "toplevel"])
        page.wait_for_timeout(UPDATES * 300)
        updates = max(served.version - version, 1)
        spent_ms = main_thread_ms(json.loads(browser.stop_tracing())["traceEvents"])
    update_ms, drawing_ms = (spent_ms[kind] / updates for kind in ("RunTask", "BeginMainFrame"))
    print(
        f"job of {ITEMS} items, {CHANGED} changed: an update takes {update_ms:.1f} ms of the main "
        f"thread, {updates} seen  (promise: < 16 ms); of these style, layout and paint "
        f"{drawing_ms:.1f} ms"
    )


def main_thread_ms(events: list[dict[str, Any]]) -> Counter[str]:
    """Add up by kind what a trace says of the page's main thread, in processor milliseconds."""
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    spent: Counter[str] = Counter()
    for event in events:
        if event["ph"] == "X" and (event["pid"], event["tid"]) in threads:
            spent[event["name"].rpartition("::")[2]] += event.get("tdur", 0) / 1e3
    return spent


class LargeJob:
    """Answers for a job that has news whenever it is asked."""

    def __init__(self) -> None:
        self.id = "f" * 32
        self.version = 1
        picture = io.BytesIO()
        PIL.Image.new("RGB", (SIDE_PX, SIDE_PX), "teal").save(picture, "WEBP")
        self._picture = picture.getvalue()

    def answer(self, route: Route) -> None:
        """Answer one request of the page."""
        if "/items/" in route.request.url:
            route.fulfill(content_type="image/webp", body=self._picture)
            return
        news = "after_version" in route.request.url
        self.version += news
        start = (self.version * CHANGED) % MAKING
        changed = range(start, start + CHANGED) if news else range(ITEMS)
        body = {**self._summary(), "items": [self._item(index) for index in changed]}
        route.fulfill(content_type="application/json", body=json.dumps(body))

    def _summary(self) -> dict[str, Any]:
        states = ("queued", "submitting", "finishing", "failed", "cancelled", "uncertain")
        making = {"generating": MAKING, "succeeded": ITEMS - MAKING, "total": ITEMS}
        return {
            "id": self.id,
            "name": "Many",
            "state": "running",
            "generator": "local/puff",
            "options": {},
            "created_at": "2026-11-21T09:30:00Z",
            "started_at": "2026-11-21T09:30:00Z",
            "finished_at": None,
            "version": self.version,
            "counts": {**dict.fromkeys(states, 0), **making},
            "progress": {"fraction": self.version % 100 / 100, "eta_s": 60},
            "cost": {"estimated_usd": 0, "booked_usd": 0, "budget_usd": None},
            "expires_at": None,
            "starred": False,
        }

    def _item(self, index: int) -> dict[str, Any]:
        making = index < MAKING
        progress = {"fraction": self.version % 100 / 100, "queue_position": None, "eta_s": 9}
        address = f"/api/v1/jobs/{self.id}/items/{index}"
        picture = {"url": f"{address}/views/front", "width_px": SIDE_PX, "height_px": SIDE_PX}
        return {
            "index": index,
            "name": f"item {index}",
            "state": "generating" if making else "succeeded",
            "views": [{"view": "front", **picture}],
            "progress": {**progress, "phase": f"step {self.version}"},
            "error": None,
            "result": None if making else self._result(address),
            "attempts": [],
        }

    def _result(self, address: str) -> dict[str, Any]:
        def file(name: str, role: str) -> dict[str, Any]:
            known = {"size_bytes": 1_200_000, "sha256": name, "provider_url": None}
            about = {"name": name, "role": role, "format": name.rpartition(".")[2]}
            return {**about, **known, "url": f"{address}/files/{name}", "expires_at": None}

        facts = {"faces": 48_000, "width_mm": 80.0, "height_mm": 100.0, "depth_mm": 30.0}
        sprite = {"views": 36, "columns": 6, "size_px": 160}
        return {
            "files": [file("model.glb", "mesh"), file("preview.webp", "preview")],
            "facts": {**facts, "vertices": 24_000, "watertight": True, "sprite": sprite},
        }


if __name__ == "__main__":
    main()
