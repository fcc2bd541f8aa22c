"""What browsers and proxies may keep: files, and what everybody is told; nothing else."""

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.openapi import describe_api
from tests.api.asking import ask, make_job
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

FILES = {"getArchive", "getFile", "getModel", "getPreview", "getSprite", "getThumbnail", "getView"}
FOR_EVERYBODY = {"getLimits", "listGenerators", "getGenerator"}


async def test_nothing_else_is_kept(rig: Rig) -> None:
    kept = {}
    async with ask(create_api(rig.context, callers_are_operators=True)) as client:
        job = await make_job(client, "cup")
        await rig.run_dispatched()
        done = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
        values = {"job": job["id"], "n": "0", "view": "front", "format": "glb"}
        values["name"] = done["items"][0]["result"]["files"][0]["name"]
        values["generator"] = done["generator"]
        for operation, method, path in _operations():
            url = path
            for name, value in values.items():
                url = url.replace(f"{{{name}}}", value)
            async with client.stream(method, url) as reply:
                if reply.headers["cache-control"] != "no-store":
                    kept[operation] = reply.headers["cache-control"]
    assert set(kept) == FILES | FOR_EVERYBODY
    # By the caller's own browser only, which asks again before it uses them.
    assert set(kept.values()) == {"private, no-cache"}


def _operations() -> list[tuple[str, str, str]]:
    """List all, reading before changing."""
    found = [
        (operation["operationId"], method.upper(), path)
        for path, operations in describe_api()["paths"].items()
        for method, operation in operations.items()
    ]
    return sorted(found, key=lambda one: one[1] != "GET")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/jobs", {"Authorization": "Bearer wrong"}),
        ("/api/v1/jobs", {"Host": "evil.example"}),
        ("/api/v1/nothing", {}),
        ("/", {}),
    ],
)
async def test_refusals_are_not_kept(
    client: httpx2.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    assert (await client.get(path, headers=headers)).headers["cache-control"] == "no-store"
