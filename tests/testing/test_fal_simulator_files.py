"""Files of the simulator: uploads by every documented way, downloads, lifetimes, access."""

import io
import json
from typing import Any

import httpx2
import pytest
import trimesh

from image2model.testing.fal_simulator.glb import SMALLEST_GLB_BYTES, build_glb, build_png
from tests.khronos.validator import KhronosValidator
from tests.testing.fal_simulator_rig import Rig, running

pytestmark = pytest.mark.anyio

PNG = build_png(size_px=8)
NO_KEY = {"authorization": ""}


async def issue_token(rig: Rig) -> dict[str, str]:
    url = f"{rig.fal.rest_url}/storage/auth/token?storage_type=fal-cdn-v3"
    issued: dict[str, Any] = (await rig.http.post(url, json={})).json()
    assert issued["base_url"] == rig.fal.cdn_url
    return {"authorization": f"{issued['token_type']} {issued['token']}"}


async def upload(rig: Rig, **lifecycle: Any) -> str:
    headers = {
        **await issue_token(rig),
        "content-type": "image/png",
        "x-fal-file-name": "my cat.png",
        "x-fal-object-lifecycle": json.dumps(lifecycle),
    }
    answer = await rig.http.post(f"{rig.fal.cdn_url}/files/upload", content=PNG, headers=headers)
    url: str = answer.json()["access_url"]
    return url


async def test_upload_with_a_token() -> None:
    async with running() as rig:
        url = await upload(rig)
        answer = await rig.http.get(url, headers=NO_KEY)
    assert url.endswith("_my_cat.png")
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", ["files/upload", "files/upload/multipart"])
async def test_upload_with_the_key_instead_of_a_token_is_401(path: str) -> None:
    async with running() as rig:
        answer = await rig.http.post(f"{rig.fal.cdn_url}/{path}", content=PNG)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["auth/token", "upload/initiate", "upload/initiate-multipart"])
async def test_upload_without_a_key_is_401(path: str) -> None:
    async with running() as rig:
        url = f"{rig.fal.rest_url}/storage/{path}"
        assert (await rig.http.post(url, json={}, headers=NO_KEY)).status_code == 401


async def test_upload_to_an_url_that_was_asked_for() -> None:
    async with running() as rig:
        wanted = {"file_name": "cat.png", "content_type": "image/png"}
        url = f"{rig.fal.rest_url}/storage/upload/initiate?storage_type=fal-cdn-v3"
        opened = (await rig.http.post(url, json=wanted)).json()
        before = await rig.http.get(opened["file_url"], headers=NO_KEY)
        await rig.http.put(opened["upload_url"], content=PNG, headers=NO_KEY)
        after = await rig.http.get(opened["file_url"], headers=NO_KEY)
    assert before.status_code == 404
    assert after.content == PNG


async def test_multipart_upload_joins_parts_in_order_of_their_numbers() -> None:
    async with running() as rig:
        url = f"{rig.fal.rest_url}/storage/upload/initiate-multipart"
        opened = (await rig.http.post(url, json={"file_name": "big.bin"})).json()
        parts = []
        for number, content in ((2, b"second"), (1, b"first ")):
            answer = await rig.http.put(f"{opened['upload_url']}/{number}", content=content)
            parts.append({"partNumber": number, "etag": answer.headers["etag"]})
        complete = f"{opened['upload_url']}/complete"
        wrong = await rig.http.post(complete, json={"parts": parts[:1]})
        await rig.http.post(complete, json={"parts": parts})
        whole = await rig.http.get(opened["file_url"], headers=NO_KEY)
    assert wrong.status_code == 400
    assert whole.content == b"first second"


async def test_multipart_upload_by_token() -> None:
    async with running() as rig:
        token = await issue_token(rig)
        url = f"{rig.fal.cdn_url}/files/upload/multipart"
        opened = (await rig.http.post(url, headers=token)).json()
        base = f"{opened['access_url']}/multipart/{opened['uploadId']}"
        etag = (await rig.http.put(f"{base}/1", content=PNG, headers=token)).headers["etag"]
        parts = {"parts": [{"partNumber": 1, "etag": etag}]}
        await rig.http.post(f"{base}/complete", json=parts, headers=token)
        assert (await rig.http.get(opened["access_url"], headers=NO_KEY)).content == PNG


async def test_upload_url_nobody_opened_is_404() -> None:
    async with running() as rig:
        assert (await rig.http.put(f"{rig.fal.cdn_url}/uploads/none")).status_code == 404


@pytest.mark.parametrize("status", [404, 410])
async def test_upload_with_a_lifetime_vanishes(status: int) -> None:
    async with running(expired_file_status=status) as rig:
        url = await upload(rig, expiration_duration_seconds=0)
        assert (await rig.http.get(url, headers=NO_KEY)).status_code == status


@pytest.mark.parametrize(("decision", "status"), [("forbid", 403), ("hide", 404)])
async def test_private_upload_needs_a_token_to_be_read(decision: str, status: int) -> None:
    async with running() as rig:
        url = await upload(rig, initial_acl={"default": decision})
        assert (await rig.http.get(url, headers=NO_KEY)).status_code == status
        assert (await rig.http.get(url, headers=await issue_token(rig))).content == PNG


async def test_result_files_live_as_long_as_the_submit_says() -> None:
    async with running() as rig:
        wish = json.dumps({"expiration_duration_seconds": 0})
        result = (await rig.result(x_fal_object_lifecycle_preference=wish)).json()
        answer = await rig.http.get(result["model_mesh"]["url"], headers=NO_KEY)
    assert answer.status_code == 404


async def test_range_and_head() -> None:
    async with running() as rig:
        url = await rig.mesh_url()
        whole = (await rig.http.get(url, headers=NO_KEY)).content
        ranges = {"bytes=4-11": whole[4:12], "bytes=99990-": whole[99_990:], "bytes=-3": whole[-3:]}
        for wanted, content in ranges.items():
            part = await rig.http.get(url, headers={**NO_KEY, "range": wanted})
            assert (part.status_code, part.content) == (206, content)
        beyond = await rig.http.get(url, headers={**NO_KEY, "range": "bytes=100000-"})
        head = await rig.http.head(url, headers=NO_KEY)
    assert beyond.status_code == 416
    assert head.headers["content-length"] == "100000"
    assert head.content == b""


async def test_key_sent_to_the_content_network_is_a_violation() -> None:
    async with running() as rig:
        url = await rig.mesh_url()
        await rig.http.get(url, headers=NO_KEY)
        assert rig.fal.ledger.violations == []
        await rig.http.get(url)
        assert [one.path for one in rig.fal.ledger.violations] == [httpx2.URL(url).path]


async def test_mesh_names_its_request_and_its_picture() -> None:
    async with running(mesh_bytes=20_000) as rig:
        first, second = [
            (await rig.http.get(await rig.mesh_url(), headers=NO_KEY)).content for _ in range(2)
        ]
    assert len(first) == 20_000
    assert first != second
    length = int.from_bytes(first[12:16], "little")
    extras = json.loads(first[20 : 20 + length])["asset"]["extras"]
    assert extras["picture"] == "https://pictures.example/cat.png"


@pytest.mark.parametrize("size_bytes", [0, 30_001, 2_000_000])
async def test_glb_has_the_size_ordered_and_is_a_closed_textured_mesh(size_bytes: int) -> None:
    content = b"".join(build_glb(size_bytes=size_bytes, extras={}))
    assert len(content) == max(SMALLEST_GLB_BYTES, -(-size_bytes // 4) * 4)
    assert int.from_bytes(content[8:12], "little") == len(content)
    mesh: Any = trimesh.load(io.BytesIO(content), file_type="glb", force="mesh", process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4.19, rel=0.2)
    assert mesh.visual.uv.shape == (len(mesh.vertices), 2)
    assert mesh.visual.material.baseColorTexture.size == (16, 16)


def test_glb_has_no_fault_in_the_eyes_of_khronos(khronos: KhronosValidator) -> None:
    report = khronos.validate_glb(b"".join(build_glb(size_bytes=50_000, extras={"picture": "é"})))
    assert not report.messages
