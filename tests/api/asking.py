"""Ways to ask the API in tests."""

from typing import Any

import httpx2
from fastapi import FastAPI

from tests.harness.rig import disc_png

BASE_URL = "http://localhost"


def ask(api: FastAPI, **options: Any) -> httpx2.AsyncClient:
    """Make a client of *api* that needs no network."""
    transport = httpx2.ASGITransport(app=api, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, **{"base_url": BASE_URL, **options})


def png_part(name: str, field: str = "files") -> tuple[str, tuple[str, bytes, str]]:
    """Make one file of a form: a disc of a colour of its own, in `<name>.png`."""
    return (field, (f"{name}.png", disc_png(name), "image/png"))


async def make_job(client: httpx2.AsyncClient, *names: str, **fields: str) -> dict[str, Any]:
    """Make a job in one call, with an item for each name."""
    reply = await client.post("/api/v1/jobs", data=fields, files=[png_part(n) for n in names])
    assert reply.status_code == 202, reply.text
    job: dict[str, Any] = reply.json()
    return job


async def make_draft(client: httpx2.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Make an empty draft."""
    reply = await client.post("/api/v1/jobs?draft=true", json=wanted)
    assert reply.status_code == 201, reply.text
    draft: dict[str, Any] = reply.json()
    return draft


def problem_of(reply: httpx2.Response, status: int) -> dict[str, Any]:
    """Check that *reply* is a well-formed problem of that status, and return it."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "details"}
    assert problem["status"] == status
    return problem
