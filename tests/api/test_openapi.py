"""The OpenAPI document says everything, is kept up to date, and is true."""

import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from starlette.types import Receive, Scope, Send

from image2model.api.app import create_api
from image2model.api.openapi import describe_api, document_text
from image2model.api.pages.reference import reference_page
from image2model.core.ids import OwnerId
from image2model.jobs.access import create_api_key
from image2model.jobs.intake.submit import JobRequest, create_draft
from tests.api.asking import problem_of
from tests.harness.rig import Rig

DOCUMENT = describe_api()
KEPT = Path(__file__).parent.parent.parent / "docs" / "reference" / "openapi.json"
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def answers(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List what an operation may answer, by status."""
    for status, answer in operation["responses"].items():
        yield status, DOCUMENT["components"]["responses"][status] if "$ref" in answer else answer


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List every kind of body an operation takes or answers with, and what it is called."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for status, answer in answers(operation):
        for media_type, media in answer.get("content", {}).items():
            yield f"{status} {media_type}", media


def refers(schema: dict[str, Any]) -> bool:
    """Tell whether a schema's example is that of other schemas."""
    choices = (schema, schema.get("items", {}), *schema.get("anyOf", ()))
    lists = [choice.get("items", {}) for choice in choices]
    return any("$ref" in choice for choice in (*choices, *lists))


def test_the_kept_document_is_up_to_date() -> None:
    assert KEPT.read_text(encoding="utf-8") == document_text(), "`make fix` writes it anew"


@pytest.mark.parametrize(
    ("name", "schema"), DOCUMENT["components"]["schemas"].items(), ids=lambda value: str(value)[:20]
)
def test_every_field_has_a_description_and_an_example(name: str, schema: dict[str, Any]) -> None:
    assert schema["description"], name
    for field, described in schema["properties"].items():
        assert described.get("description"), f"{name}.{field}"
        assert described.get("examples") or refers(described), f"{name}.{field}"


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_operation_is_described(name: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", operation["operationId"])
    assert len(operation["tags"]) == 1
    assert operation["summary"]
    assert operation["description"].endswith("."), name
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]
        assert parameter.get("examples") or parameter["schema"].get("examples"), parameter["name"]
    for status, answer in answers(operation):
        assert answer["description"] not in {"", "Successful Response"}, status
    for kind, media in bodies(operation):
        binary = media["schema"].get("format") == "binary"
        form = "multipart" in kind
        assert binary or form or media.get("example") or media.get("examples"), kind


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_errors_are_problem_details_everywhere() -> None:
    for name, operation in OPERATIONS:
        for status, answer in answers(operation):
            if int(status) < 400 or (status == "503" and "health" in name):
                continue
            assert set(answer["content"]) == {"application/problem+json"}, (name, status)


@pytest.mark.anyio
async def test_the_document_and_the_reference_are_served(client: httpx2.AsyncClient) -> None:
    index = (await client.get("/")).json()
    assert (await client.get(index["openapi"])).json() == DOCUMENT
    page = await client.get(index["reference"])
    assert page.headers["content-type"].startswith("text/html")
    assert "style-src 'sha256-" in page.headers["content-security-policy"]


class _Page(HTMLParser):
    """Collects what a page links to and what can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, links and whatever a browser would fetch."""
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "src" or tag in {"script", "link"}:
                self.loads.append(f"{tag} {name}={value}")


def test_the_reference_is_whole_and_needs_nothing_else() -> None:
    page = _Page()
    page.feed(reference_page())
    assert page.loads == []
    assert len(page.ids) == len(set(page.ids))
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside - set(page.ids) == set()
    assert {operation["operationId"] for _, operation in OPERATIONS} <= set(page.ids)
    assert {"job_not_found", "url_too_long"} <= set(page.ids)


@pytest.mark.anyio
async def test_a_problem_links_to_its_description(client: httpx2.AsyncClient) -> None:
    problem = problem_of(await client.get(f"/api/v1/jobs/{'0' * 32}"), 404)
    path, _, anchor = problem["type"].partition("#")
    assert f'id="{anchor}"' in (await client.get(path)).text


class Stage:
    """An application that is another one for each test; schemathesis wants one when it loads."""

    api: FastAPI
    headers: dict[str, str]
    jobs: list[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        await self.api(scope, receive, send)

    async def prepare(self, rig: Rig) -> None:
        """Make a key, a finished job, a running one and a draft."""
        key = await create_api_key(rig.context, name="test")
        owner = OwnerId(f"key:{key.split('_')[1]}")
        finished = await rig.submit(owner, "cup", "pot")
        await rig.run_dispatched()
        running = await rig.submit(owner, "jug")
        draft = await create_draft(rig.context, owner, JobRequest())
        self.jobs = [finished.id, running.id, draft.id]
        self.headers = {"Authorization": f"Bearer {key}"}
        self.api = create_api(rig.context, allowed_hosts=["testserver"])
        await self.api.state.parts.hub.aclose()  # Then no long poll is kept waiting.


STAGE = Stage()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = STAGE

NOT_ALL_THAT_FITS_IS_TAKEN: Any = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
"""What fits the document may still not fit the generator or the state of the job."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    anyio.run(STAGE.prepare, Rig(tmp_path))
    return STAGE


@SCHEMA.exclude(operation_id="watchJob").parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_documented(stage: Stage, case: schemathesis.Case[Any]) -> None:
    """Whatever is sent, by whomever, nothing breaks, and the document names every answer."""
    draw = zlib.crc32(repr((case.body, case.query)).encode())
    if "job" in case.path_parameters:
        # Nearly all ids are nobody's; these lead further in.
        case.path_parameters["job"] = stage.jobs[draw % 3]
    case.call_and_validate(
        headers=stage.headers if draw % 4 else {},
        excluded_checks=[NOT_ALL_THAT_FITS_IS_TAKEN],
    )
