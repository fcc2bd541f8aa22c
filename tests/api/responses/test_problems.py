"""Errors over HTTP: one status for each class, one shape for all, nothing given away."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.responses.problems import STATUS, status_of
from image2model.core import errors
from image2model.core.errors import Image2ModelError
from image2model.ports.jobstore import JobPage, JobQuery, JobStore
from tests.api.asking import ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"


def below(kind: type[Image2ModelError]) -> Iterator[type[Image2ModelError]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__ == errors.__name__:
            yield subclass
            yield from below(subclass)


@pytest.mark.parametrize("kind", list(below(Image2ModelError)), ids=lambda kind: kind.__name__)
def test_every_class_has_a_status(kind: type[Image2ModelError]) -> None:
    assert kind in STATUS


def test_the_reference_says_the_same() -> None:
    lines = re.findall(r"^\| `(\w+)` +\| (\d+) \|", REFERENCE.read_text("utf-8"), re.MULTILINE)
    documented = {code: int(status) for code, status in lines}
    codes = {kind.code: kind for kind in below(Image2ModelError) if hasattr(kind, "code")}
    assert documented == {code: status_of(codes[code]) for code in documented}


def test_a_plug_ins_error_has_the_status_of_its_base() -> None:
    class OutOfClay(errors.ProviderUnavailable):
        pass

    assert status_of(OutOfClay) == 503


class BrokenStore:
    """A job store in which listing fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def list_jobs(self, _query: JobQuery) -> JobPage:
        """Fail."""
        raise self._error


async def listing_fails_with(rig: Rig, error: Exception) -> httpx2.Response:
    context = replace(rig.context, store=cast("JobStore", BrokenStore(error)))
    async with ask(create_api(context)) as client:
        return await client.get("/api/v1/jobs")


async def test_a_database_that_is_away(rig: Rig) -> None:
    reply = await listing_fails_with(rig, errors.DatabaseUnavailable(reason="locked"))
    problem = problem_of(reply, 503)
    assert problem["title"] == "Service Unavailable"
    assert problem["details"] == {"reason": "locked"}


async def test_a_provider_says_when_to_come_again(rig: Rig) -> None:
    error = errors.ProviderUnavailable(provider="fal", reason="busy", retry_after_s=7.2)
    reply = await listing_fails_with(rig, error)
    assert problem_of(reply, 503)["code"] == "provider_unavailable"
    assert reply.headers["retry-after"] == "8"


async def test_what_nobody_expected_gives_nothing_away(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await listing_fails_with(rig, ZeroDivisionError("secret of /srv/keys"))
    problem = problem_of(reply, 500)
    assert problem["code"] == "internal_error"
    assert "secret" not in reply.text
    assert "secret of /srv/keys" in caplog.text
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "route_not_found"),
        ("GET", "/api/", 404, "route_not_found"),
        ("GET", "/api/v1/jobs/", 404, "route_not_found"),
        ("DELETE", "/api/v1/jobs", 405, "method_not_allowed"),
        ("TRACE", "/api/v1/jobs", 405, "method_not_allowed"),
    ],
)
async def test_errors_of_http_itself(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    reply = await client.request(method, path, headers={"Accept": "text/html"})
    assert problem_of(reply, status)["code"] == code


async def test_a_wrong_method_says_which_are_right(client: httpx2.AsyncClient) -> None:
    reply = await client.post(f"/api/v1/jobs/{'0' * 32}")
    assert reply.headers["allow"] == "GET, PATCH, DELETE"


async def test_a_wrong_body_lists_every_fault(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "cup")
    body = {"name": 5, "starred": "yes", "colour": "red"}
    reply = await client.patch(f"/api/v1/jobs/{job['id']}", json=body)
    problem = problem_of(reply, 422)
    assert [fault["field"] for fault in problem["details"]["errors"]] == [
        "name",
        "starred",
        "colour",
    ]
    assert problem["detail"] == "'name' is not acceptable: Input should be a valid string."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"items": NaN}',
        b'{"options": {"seed": 1e999}}',
        b'{"options": {"a": "\\ud800"}}',
        b'{"options": {"a": %s}}' % (b"[" * 400 + b"]" * 400),
    ],
)
async def test_a_body_that_is_no_json(client: httpx2.AsyncClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await client.post("/api/v1/estimate", content=content, headers=headers)
    assert problem_of(reply, 422)["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/api/v1/estimate", '{"generator": "x\\ud800"}', "generator_not_found"),
        ("PATCH", "/api/v1/jobs/{job}", '{"generator": "x\\ud800"}', "generator_not_found"),
        ("PATCH", "/api/v1/jobs/{job}", '{"formats": ["x\\ud800"]}', "format_unsupported"),
        ("PATCH", "/api/v1/jobs/{job}", '{"x\\ud800": 1}', "invalid_request"),
        ("POST", "/api/v1/session", '{"key": "x\\ud800"}', "invalid_request"),
        ("POST", "/api/v1/pictures", '{"url": "https://x\\ud800.example/"}', "invalid_request"),
    ],
)
async def test_half_a_character_is_answered(
    client: httpx2.AsyncClient, method: str, path: str, body: str, code: str
) -> None:
    draft = await make_draft(client)
    headers = {"Content-Type": "application/json"}
    reply = await client.request(
        method, path.format(job=draft["id"]), content=body, headers=headers
    )
    assert problem_of(reply, reply.status_code)["code"] == code


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_body_that_is_too_large(client: httpx2.AsyncClient, says_so: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    content: bytes | AsyncIterator[bytes] = b" " * 2_000_000 if says_so else chunks()
    headers = {"Content-Type": "application/json"}
    reply = await client.post("/api/v1/estimate", content=content, headers=headers)
    assert problem_of(reply, 413)["code"] == "upload_too_large"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"generator": "scripted/cub"}, "Did you mean 'scripted/cube'?"),
        ({"generator": "cube"}, "Did you mean 'scripted/cube'?"),
        ({"options": {"qualty": "low"}}, "'qualty' (did you mean 'quality'?)"),
        ({"options": {"quality": "hihg"}}, "'hihg' (did you mean 'high'?)"),
        ({"formats": ["slt"]}, "(did you mean 'stl'?)"),
        ({"genrator": "scripted/cube"}, "'genrator' is no field. Did you mean 'generator'?"),
        ({"adjust": {"hieght_mm": 3}}, "Did you mean 'height_mm'?"),
        ({"adjust": {"pivot": "center"}}, "Did you mean 'centre'?"),
        ({"keep": "link"}, "Did you mean 'links'?"),
    ],
)
async def test_what_was_meant_is_guessed(
    client: httpx2.AsyncClient, body: dict[str, object], sentence: str
) -> None:
    reply = await client.post("/api/v1/jobs?draft=true", json=body)
    found = reply.json()
    assert reply.status_code in {404, 422}, found
    assert sentence in found["detail"]
    assert "Value error" not in reply.text
    assert ".." not in found["detail"]


async def test_a_field_of_a_form_is_guessed(client: httpx2.AsyncClient) -> None:
    reply = await client.post(
        "/api/v1/jobs",
        files={"files": ("a.png", b"x", "image/png")},
        data={"genrator": "scripted/cube"},
    )
    assert reply.status_code == 422
    assert "Did you mean 'generator'?" in reply.json()["detail"]


async def test_what_is_no_number_is_no_option(client: httpx2.AsyncClient) -> None:
    reply = await client.post(
        "/api/v1/jobs?draft=true",
        content='{"options": {"seed": NaN}}',
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 422
