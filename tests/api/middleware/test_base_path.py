"""The server below a path of another site, behind proxies that remove the path or leave it in."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from image2model.api.app import create_api
from tests.api.asking import ask
from tests.cli.drawing import disc_png
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

PAGE = """<!doctype html><link href="/_app/start.css"><script>
{ __sveltekit_x = { base: "", version: "1" }; import("/_app/start.js"); }
</script><a href="//elsewhere.example/">"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "webapp"
    (folder / "_app").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "index.html.gz").write_bytes(b"the page as it was built, packed")
    (folder / "_app" / "start.js").write_text("start()")
    return folder


@pytest.fixture(params=["removed", "left in"])
def asked_below(request: pytest.FixtureRequest) -> str:
    """What the proxy asks us for where a browser asks for `/3d`."""
    return "" if request.param == "removed" else "/3d"


@pytest.fixture
async def client(rig: Rig, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with ask(create_api(rig.context, web_app=folder, base_path="/3d")) as client:
        yield client


async def test_the_page_finds_its_files(client: httpx2.AsyncClient, asked_below: str) -> None:
    for path in ("/", "/history"):
        answer = await client.get(asked_below + path, headers={"Accept-Encoding": "gzip"})
        assert answer.text == PAGE.replace('"/_app', '"/3d/_app').replace('""', '"/3d"')
        assert "sha256-" in answer.headers["content-security-policy"]
    answer = await client.get(f"{asked_below}/_app/start.js")
    assert answer.text == "start()"


async def test_the_path_without_a_slash_leads_to_the_page(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/3d")).text.startswith("<!doctype html>")
    # Another site's path that only begins alike.
    assert (await client.get("/3dx.js")).status_code == 404


async def test_a_job_is_found_where_the_answer_says(
    client: httpx2.AsyncClient, asked_below: str
) -> None:
    files = [("files", ("cup.png", disc_png(3), "image/png"))]
    answer = await client.post(f"{asked_below}/api/v1/jobs", files=files)
    assert answer.status_code == 202
    location = answer.headers["location"]
    assert location == f"/3d/api/v1/jobs/{answer.json()['id']}"
    cookie = answer.headers["set-cookie"]
    assert "; Path=/3d;" in cookie
    token = {"Cookie": cookie.partition(";")[0]}
    found = await client.get(location.removeprefix("/3d" if not asked_below else ""), headers=token)
    assert found.status_code == 200


async def test_the_session_goes_to_no_other_path_over_https(rig: Rig) -> None:
    """A cookie named `__Host-…` must be of the root, which others share here."""
    api = create_api(rig.context, base_path="/3d")
    async with ask(api, base_url="https://localhost") as client:
        files = [("files", ("cup.png", disc_png(3), "image/png"))]
        cookie = (await client.post("/3d/api/v1/jobs", files=files)).headers["set-cookie"]
    assert cookie.startswith("__Secure-image2model_session=")
    assert "; Path=/3d;" in cookie
    assert "; Secure" in cookie


async def test_events_and_downloads_are_below_the_path(
    rig: Rig, client: httpx2.AsyncClient, asked_below: str
) -> None:
    files = [("files", ("cup.png", disc_png(3), "image/png"))]
    made = await client.post(f"{asked_below}/api/v1/jobs", files=files)
    token = {"Cookie": made.headers["set-cookie"].partition(";")[0]}
    await rig.run_dispatched()
    below = f"{asked_below}/api/v1/jobs/{made.json()['id']}"
    events = await client.get(f"{below}/events", headers=token)
    assert "event: end" in events.text
    job = (await client.get(below, headers=token)).json()
    (item,) = job["items"]
    addresses = [item["views"][0]["url"], item["views"][0]["thumb_url"]]
    addresses += [file["url"] for file in item["result"]["files"]]
    assert len(addresses) > 2
    for address in addresses:
        assert address.startswith("/api/v1/"), "the path is for the caller to put before it"
        assert (await client.get(asked_below + address, headers=token)).status_code == 200
    archive = await client.get(f"{below}/archive.zip", headers=token)
    assert archive.content.startswith(b"PK")


async def test_webhooks_come_below_the_path(client: httpx2.AsyncClient, asked_below: str) -> None:
    answer = await client.post(f"{asked_below}/api/v1/hooks/fal/token", content=b"{}")
    assert answer.json()["code"] == "webhook_refused"


@pytest.mark.parametrize("name", ["models.example", "house.example:8443", "localhost"])
async def test_it_answers_alike_under_each_of_its_names(rig: Rig, folder: Path, name: str) -> None:
    names = ["models.example", "house.example"]
    api = create_api(rig.context, web_app=folder, base_path="/3d", allowed_hosts=names)
    async with ask(api) as client:
        headers = {"Host": name, "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
        page = await client.get("/3d/", headers=headers)
        files = [("files", ("cup.png", disc_png(3), "image/png"))]
        made = await client.post("/3d/api/v1/jobs", files=files, headers=headers)
        assert made.status_code == 202
        told = f"{page.headers}{page.text}{made.headers}{made.text}"
        # Whatever name is asked for, answers name none.
        assert not any(word in told for word in (*names, "evil"))
        assert made.headers["location"].startswith("/3d/api/v1/jobs/")
        assert "domain" not in made.headers["set-cookie"].lower()
