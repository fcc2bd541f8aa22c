"""The web app beside the API: files, deep links, caching and the page's policy."""

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from image2model.api.app import create_api
from tests.api.asking import ask
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

PAGE = "<!doctype html><script>start()</script><p>The app</p>"
SCRIPT = "/_app/immutable/start.js"


@pytest.fixture
async def browser(rig: Rig, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of a server with a very small web app."""
    folder = tmp_path / "webapp"
    immutable = folder / "_app" / "immutable"
    immutable.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (immutable / "start.js").write_text("start()")
    (immutable / "start.js.gz").write_bytes(b"packed with gzip")
    (immutable / "start.js.map").write_text("{}")
    async with ask(create_api(rig.context, web_app=folder)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/jobs/0f8e4c1a9b2d4e6f8a7b3c5d1e2f4a6b", "/history"])
async def test_the_apps_own_addresses_lead_to_its_page(
    browser: httpx2.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.text == PAGE
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_page_may_use_its_own_scripts_and_no_other_origin(
    browser: httpx2.AsyncClient,
) -> None:
    policy = (await browser.get("/")).headers["content-security-policy"]
    digest = b64encode(hashlib.sha256(b"start()").digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "http" not in policy
    assert "'unsafe-eval'" not in policy


async def test_named_files_are_kept_for_ever(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get(SCRIPT, headers={"Accept-Encoding": "identity"})
    assert answer.text == "start()"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, br", "gzip"), ("br;q=1.0, gzip;q=0", None), ("identity", None)],
)
async def test_packed_copies_go_to_who_can_read_them(
    browser: httpx2.AsyncClient, accepted: str, encoding: str | None
) -> None:
    request = browser.build_request("HEAD", SCRIPT, headers={"Accept-Encoding": accepted})
    answer = await browser.send(request)
    assert answer.headers.get("content-encoding") == encoding


async def test_a_known_file_is_not_sent_again(browser: httpx2.AsyncClient) -> None:
    known = (await browser.get("/")).headers["etag"]
    answer = await browser.get("/", headers={"If-None-Match": known})
    assert answer.status_code == 304
    assert answer.content == b""


@pytest.mark.parametrize("path", ["/api", "/api/v1/nothing", "/api/v2/jobs"])
async def test_unknown_addresses_of_the_api_stay_json(
    browser: httpx2.AsyncClient, path: str
) -> None:
    answer = await browser.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["code"] == "route_not_found"


@pytest.mark.parametrize(
    "path", ["/_app/immutable/older.js", "/../index.html", "/_app/immutable/start.js.map"]
)
async def test_files_that_are_not_there_are_not_the_page(
    browser: httpx2.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code in {200, 404}
    assert answer.status_code == 404 or path == "/../index.html"


async def test_nothing_can_be_sent_to_the_page(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/history")
    assert answer.status_code == 405
