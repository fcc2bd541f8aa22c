"""Results of fal's generators over HTTP: kept by us, or left where fal has them."""

from pathlib import Path

import httpx2
import pytest

from tests.api.asking import problem_of
from tests.system.product.fal_product import running

pytestmark = pytest.mark.anyio


HASTY = {"IMAGE2MODEL_COLLECT_S": "1"}
"""What is paid for is not fetched again for minutes."""


def model_url(job: dict[str, object], extension: str = "glb") -> str:
    return f"/api/v1/jobs/{job['id']}/items/0/model.{extension}"


async def test_kept_result_outlives_the_providers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as product:
        job = await product.made("mug")
        (item,) = job["items"]
        mesh = item["result"]["files"][0]
        assert (mesh["role"], mesh["format"]) == ("mesh", "glb")
        assert mesh["expires_at"] is not None
        assert product.fal.expire_file(mesh["provider_url"])
        reply = await product.http.get(model_url(job))
        assert reply.status_code == 200
        assert len(reply.content) == mesh["size_bytes"] == 20_000
        assert product.paid == [1]


async def test_links_are_redirected_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stored here, and what the browser is led to is the model."""
    async with running(tmp_path, monkeypatch) as product:
        job = await product.made("mug", keep="links")
        mesh = job["items"][0]["result"]["files"][0]
        assert (mesh["sha256"], mesh["size_bytes"]) == (None, 20_000)
        stored = [one async for one in product.context.artifacts.all()]
        assert len(stored) == 1  # the picture
        reply = await product.http.get(model_url(job))
        assert reply.status_code == 307
        assert reply.headers["location"] == mesh["provider_url"]
        async with httpx2.AsyncClient(trust_env=False) as elsewhere:
            content = (await elsewhere.get(reply.headers["location"])).content
        assert content.startswith(b"glTF")


async def test_links_become_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, monkeypatch) as product:
        job = await product.made("mug", keep="links")
        reply = await product.http.get(model_url(job, "stl"))
        assert reply.status_code == 200
        assert int.from_bytes(reply.content[80:84], "little") * 50 + 84 == len(reply.content)


async def test_dead_link_is_gone_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as product:
        job = await product.made("mug", keep="links")
        url = job["items"][0]["result"]["files"][0]["provider_url"]
        product.fal.expire_file(url)
        problem = problem_of(await product.http.get(model_url(job)), 410)
        assert problem["code"] == "result_expired"
        metrics = await product.http.get("/api/v1/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'provider_url_failures_total{provider="fal"} 1.0' in metrics.text


async def test_starred_links_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, monkeypatch) as product:
        job = await product.made("mug", keep="links")
        assert job["expires_at"] is not None
        reply = await product.http.patch(f"/api/v1/jobs/{job['id']}", json={"starred": True})
        assert reply.status_code == 200, reply.text
        assert reply.json()["expires_at"] is None
        product.fal.expire_file(job["items"][0]["result"]["files"][0]["provider_url"])
        assert (await product.http.get(model_url(job))).status_code == 200


async def test_dead_links_cannot_be_starred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as product:
        job = await product.made("mug", keep="links")
        product.fal.expire_file(job["items"][0]["result"]["files"][0]["provider_url"])
        reply = await product.http.patch(f"/api/v1/jobs/{job['id']}", json={"starred": True})
        assert problem_of(reply, 410)["code"] == "result_expired"
        assert not (await product.job(job["id"]))["starred"]


async def test_links_job_ends_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(
        tmp_path, monkeypatch, environment={"IMAGE2MODEL_FAL__FILE_LIFE_S": "3600"}
    ) as product:
        job = await product.made("mug", keep="links")
        ends = job["items"][0]["result"]["files"][0]["expires_at"]
        # Settled right after the job has finished: not for ever, as jobs of `links` live a day.
        while job["expires_at"] != ends:
            known = {"after_version": job["version"], "wait_s": 1}
            reply = await product.http.get(f"/api/v1/jobs/{job['id']}", params=known)
            job = reply.json()


@pytest.mark.parametrize("action", ["mesh_html", "mesh_truncated", "mesh_empty"])
async def test_links_to_no_model_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    async with running(tmp_path, monkeypatch, environment=HASTY) as product:
        product.fal.add_fault("run", action)
        job = await product.made("mug", keep="links")
        (item,) = job["items"]
        assert (item["state"], item["error"]["code"]) == ("failed", "provider_result_invalid")
        assert item["error"]["details"]["resubmit_usd"] == 0.3
        assert product.paid == [1]


async def test_other_format_under_a_wrong_name_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as product:
        product.fal.add_fault("run", "mesh_fbx")
        job = await product.made("mug", keep="links")
        mesh = job["items"][0]["result"]["files"][0]
        assert (mesh["name"], mesh["format"]) == ("mug.fbx", "fbx")
