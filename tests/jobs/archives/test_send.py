"""The archive of a job: complete, named safely, told of honestly, the same every time."""

import csv
import io
import json
import zipfile
from hashlib import sha256
from typing import Any

import pytest

from image2model.core.errors import (
    ArtifactNotFound,
    FetchBroken,
    FormatUnsupported,
    InvalidRequest,
    JobNotFound,
    NotAPicture,
    StorageUnavailable,
)
from image2model.core.generator import View
from image2model.core.ids import ArtifactId, OwnerId
from image2model.core.job import Item, Job, KeepPolicy, Problem
from image2model.jobs.archives.manifest import Manifest, Written
from image2model.jobs.archives.plan import MODEL, ArchiveRequest, Entry, Kept
from image2model.jobs.archives.send import Archive, open_archive
from image2model.jobs.intake.pictures import take_picture
from image2model.jobs.intake.submit import JobRequest, NewItem, submit_job
from image2model.testing.tiny_model import tiny_glb
from tests.geometry.picture_files import png_chunk
from tests.harness.rig import Rig, disc_png, once

pytestmark = pytest.mark.anyio

ANNA = OwnerId("key:anna")
SIMPLE = ArchiveRequest()


async def made(rig: Rig, *names: str, keep: KeepPolicy = KeepPolicy.KEEP) -> Job:
    """Make a job to its end."""
    job = await rig.submit(ANNA, *names, request=JobRequest(name="Shelf", keep=keep))
    await rig.run_dispatched()
    return await rig.store.get_job(job.id)


async def opened(rig: Rig, job: Job, request: ArchiveRequest = SIMPLE) -> Archive:
    return await open_archive(rig.context, ANNA, job.id, request)


async def whole(archive: Archive, *, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in archive.read(start=start, length=length)])


async def unpacked(archive: Archive) -> dict[str, bytes]:
    """Read the archive as a user's program does, which also checks every CRC."""
    with zipfile.ZipFile(io.BytesIO(await whole(archive))) as files:
        return {name: files.read(name) for name in files.namelist()}


def manifest_of(files: dict[str, bytes]) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    return manifest


def table_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    text = files["manifest.csv"].decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def artifact_of(item: Item) -> ArtifactId:
    assert item.mesh is not None
    assert item.mesh.artifact is not None
    return item.mesh.artifact


async def test_what_was_given_up_for_a_file_is_told(rig: Rig) -> None:
    job = await made(rig, "mug")
    source = Kept(artifact=artifact_of(job.items[0]), size_bytes=3)
    entry = Entry(path="mug.stl", index=0, role=MODEL, format="stl", source=source)
    notes = ("the texture", "simplified")
    written = Written(entry=entry, size_bytes=3, sha256="0" * 64, notes=notes)
    manifest = Manifest(rig.context, job, [written], [])
    table = manifest.to_csv()
    files = {"manifest.json": manifest.to_json(table=table), "manifest.csv": table}
    assert manifest_of(files)["items"][0]["files"][0]["notes"] == list(notes)
    assert table_of(files)[0]["stl_notes"] == "the texture. simplified"


async def test_credentials_of_pictures_are_told(rig: Rig) -> None:
    """What an upload says of its origin goes from its copy, not from the records."""
    source_type = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    plain = disc_png("mug")
    signed = plain[:33] + png_chunk(b"caBX", b"jumb c2pa " + source_type) + plain[33:]
    picture = await take_picture(rig.context, once(signed), view=View.FRONT)
    assert picture.credentials == ("C2PA",)
    kept = b"".join([chunk async for chunk in rig.context.artifacts.read(picture.artifact)])
    assert b"c2pa" not in kept
    item = NewItem(name="mug", pictures=[picture])
    job = await submit_job(rig.context, ANNA, JobRequest(), [item])
    await rig.run_dispatched()
    files = await unpacked(await opened(rig, job))
    [told] = manifest_of(files)["items"][0]["pictures"]
    assert told["sha256"] == sha256(signed).hexdigest()
    assert told["credentials"] == ["C2PA"]
    assert told["digital_source_type"] == "trainedAlgorithmicMedia"
    assert "C2PA" in told["notes"][0]
    [line] = table_of(files)
    assert line["picture_credentials"] == "C2PA"
    assert line["digital_source_type"] == "trainedAlgorithmicMedia"
    assert line["generator"] == job.generator


async def test_scores_are_told_on_wish(rig: Rig) -> None:
    """A photo that has not been compared is so before the archive begins, which stays fixed."""
    job = await made(rig, "mug", "jug")
    archive = await opened(rig, job, ArchiveRequest(scores=True))
    assert archive.size_bytes is not None
    items = manifest_of(await unpacked(archive))["items"]
    assert all(0 <= item["score"] <= 1 for item in items)
    again = manifest_of(await unpacked(await opened(rig, job)))["items"]
    assert again == items


async def test_everything_is_in_it(rig: Rig) -> None:
    job = await made(rig, "mug", "茶壶")
    archive = await opened(rig, job)
    files = await unpacked(archive)
    assert archive.name == "Shelf.zip"
    assert list(files) == [
        "mug.glb",
        "mug.preview.webp",
        "茶壶.glb",
        "茶壶.preview.webp",
        "manifest.csv",
        "manifest.json",
    ]
    assert files["茶壶.glb"] == tiny_glb("茶壶")


async def test_manifest_tells_of_every_file_and_where_it_comes_from(rig: Rig) -> None:
    job = await made(rig, "mug", "jug")
    files = await unpacked(await opened(rig, job, ArchiveRequest(formats=["glb", "stl"])))
    manifest = manifest_of(files)
    assert manifest["job"]["id"] == job.id
    assert manifest["job"]["cost_usd"] == pytest.approx(0.4)
    first = manifest["items"][0]
    assert first["pictures"][0]["sha256"] == job.items[0].pictures[0].sha256
    assert first["request_id"] == job.items[0].attempts[0].handle.request_id  # type: ignore[union-attr]
    assert (first["seed"], first["cost_usd"], first["licence"]) == (0, 0.2, "none")
    assert (first["facts"]["faces"], first["score"], first["error"]) == (12, None, None)
    listed = {file["path"]: file for item in manifest["items"] for file in item["files"]}
    assert set(listed) == set(files) - {"manifest.csv", "manifest.json"}
    for path, file in listed.items():
        assert (file["size_bytes"], file["sha256"]) == (
            len(files[path]),
            sha256(files[path]).hexdigest(),
        )
    rows = table_of(files)
    assert [row["stl_file"] for row in rows] == ["mug.stl", "jug.stl"]
    assert rows[1]["glb_sha256"] == sha256(files["jug.glb"]).hexdigest()
    assert (rows[0]["watertight"], rows[0]["faces"]) == ("yes", "12")


async def test_failed_items_are_listed_with_the_reason(rig: Rig) -> None:
    refusal = NotAPicture()
    bad = NewItem(name="=HYPERLINK(1)", problem=Problem(code="not_a_picture", message="No."))
    job = await submit_job(rig.context, ANNA, JobRequest(), [await rig.new_item("mug"), bad])
    await rig.run_dispatched()
    files = await unpacked(await opened(rig, job))
    item = manifest_of(files)["items"][1]
    assert (item["state"], item["error"]["code"], item["files"]) == ("failed", refusal.code, [])
    row = table_of(files)[1]
    assert (row["state"], row["reason"], row["glb_file"]) == ("failed", "No.", "")
    assert row["name"] == "'=HYPERLINK(1)", "a spreadsheet would run it"


async def test_same_job_makes_the_same_bytes(rig: Rig) -> None:
    job = await made(rig, "mug", "jug")
    first, second = await opened(rig, job), await opened(rig, job)
    assert await whole(first) == await whole(second)
    assert first.etag == second.etag
    await rig.store.update_job(job.id, name="Other")
    assert (await opened(rig, job)).etag != first.etag
    other = await opened(rig, job, ArchiveRequest(template="{index}.{ext}"))
    assert other.etag not in {first.etag, None}


@pytest.mark.parametrize("pictures", [False, True])
async def test_any_part_can_be_read_by_itself(rig: Rig, *, pictures: bool) -> None:
    job = await made(rig, "mug", "jug")
    archive = await opened(rig, job, ArchiveRequest(pictures=pictures))
    data = await whole(archive)
    assert archive.size_bytes == len(data)
    for start in range(0, len(data), 97):
        assert await whole(archive, start=start) == data[start:]
        assert await whole(archive, start=start, length=211) == data[start : start + 211]


async def test_reading_the_end_reads_no_file_before_it(rig: Rig) -> None:
    """What makes a broken download of gigabytes go on at once."""
    job = await made(rig, "mug", "jug")
    archive = await opened(rig, job)
    assert archive.size_bytes is not None
    await rig.artifacts.delete(artifact_of(job.items[0]))
    assert len(await whole(archive, start=archive.size_bytes - 50)) == 50
    with pytest.raises(ArtifactNotFound):
        await whole(archive)


async def test_pictures_come_along_on_request(rig: Rig) -> None:
    job = await made(rig, "mug")
    files = await unpacked(await opened(rig, job, ArchiveRequest(pictures=True, previews=False)))
    assert list(files) == ["mug.glb", "mug.front.png", "manifest.csv", "manifest.json"]
    assert files["mug.front.png"].startswith(b"\x89PNG")


async def test_folders_and_names_by_template(rig: Rig) -> None:
    job = await made(rig, "mug", "Mug", "con")
    request = ArchiveRequest(formats=["glb", "stl"], template="{ext}/Model.{ext}")
    files = await unpacked(await opened(rig, job, request))
    assert {"glb/Model.glb", "glb/Model-2.glb", "stl/Model-3.stl"} <= set(files)
    assert "preview/Model-2.preview.webp" in files
    request = ArchiveRequest(template="{name}/{generator}.{ext}", previews=False)
    assert list(await unpacked(await opened(rig, job, request)))[:3] == [
        "mug/scripted-cube.glb",
        "Mug-2/scripted-cube.glb",
        "con_/scripted-cube.glb",
    ]
    request = ArchiveRequest(template="manifest.json/{name}.{ext}", previews=False)
    assert next(iter(await unpacked(await opened(rig, job, request)))) == "_manifest.json/mug.glb"


@pytest.mark.parametrize(
    "template", ["{name}", "/{name}.{ext}", "../{name}", "a//{name}.{ext}", "{name:9999999}.{ext}"]
)
async def test_templates_that_make_no_names(rig: Rig, template: str) -> None:
    job = await made(rig, "mug")
    with pytest.raises(InvalidRequest, match="template"):
        await opened(rig, job, ArchiveRequest(template=template))


async def test_dots_lead_nowhere(rig: Rig) -> None:
    job = await made(rig, "mug")
    request = ArchiveRequest(template="../../{name}.{ext}", previews=False)
    assert next(iter(await unpacked(await opened(rig, job, request)))) == "item-0/item-0/mug.glb"


async def test_formats_that_nobody_has(rig: Rig) -> None:
    job = await made(rig, "mug")
    with pytest.raises(FormatUnsupported):
        await opened(rig, job, ArchiveRequest(formats=["exe"]))


async def test_nobody_elses_job(rig: Rig) -> None:
    job = await made(rig, "mug")
    with pytest.raises(JobNotFound):
        await open_archive(rig.context, OwnerId("key:bert"), job.id, SIMPLE)


async def test_archive_of_what_is_made_so_far(rig: Rig) -> None:
    job = await rig.submit(ANNA, "mug", "jug")
    await rig.runner.run(rig.dispatcher.take()[0])
    files = await unpacked(await opened(rig, job))
    assert {"mug.glb", "jug.glb"} & set(files) == {"mug.glb"}
    assert [item["state"] for item in manifest_of(files)["items"]] == ["succeeded", "queued"]


async def test_file_that_is_gone_is_missing_not_a_broken_archive(rig: Rig) -> None:
    job = await made(rig, "mug", "jug")
    await rig.artifacts.delete(artifact_of(job.items[0]))
    files = await unpacked(await opened(rig, job))
    assert "mug.glb" not in files
    (missing,) = manifest_of(files)["items"][0]["missing"]
    assert missing["format"] == "glb"
    assert "glb: " in table_of(files)[0]["reason"]


async def test_file_that_shrank_breaks_the_download(rig: Rig) -> None:
    """Rather than an archive whose directory points into nothing."""
    job = await made(rig, "mug")
    archive = await opened(rig, job)

    async def short() -> Any:
        yield b"x"

    await rig.artifacts.put(artifact_of(job.items[0]), short(), limit_bytes=9)
    with pytest.raises(StorageUnavailable):
        await whole(archive)


async def test_conversions_are_made_on_the_way(rig: Rig) -> None:
    job = await made(rig, "mug")
    archive = await opened(rig, job, ArchiveRequest(formats=["stl"], previews=False))
    assert (archive.size_bytes, archive.etag) == (None, None)
    files = await unpacked(archive)
    assert len(files["mug.stl"]) == 84 + 50 * 12


async def test_conversions_made_before_can_be_resumed(rig: Rig) -> None:
    """Once a download has come through, later ones go on where they broke."""
    job = await made(rig, "mug", "jug")
    request = ArchiveRequest(formats=["glb", "stl", "usdz"])
    first = await unpacked(await opened(rig, job, request))
    archive = await opened(rig, job, request)
    content = await whole(archive)
    assert (archive.size_bytes, archive.etag is not None) == (len(content), True)
    assert (await opened(rig, job, request)).etag == archive.etag
    for start in range(0, len(content), 977):
        assert await whole(archive, start=start, length=500) == content[start : start + 500]
    again = await unpacked(archive)
    told = {"manifest.csv", "manifest.json"}
    assert {name: again[name] for name in again.keys() - told} == {
        name: first[name] for name in first.keys() - told
    }
    # Another wish is another archive, of which nothing is known yet.
    more = ArchiveRequest(formats=["glb", "stl", "usdz"], adjust={"height_mm": 50})
    assert (await opened(rig, job, more)).etag is None


async def test_what_was_made_goes_before_what_is_to_be_made(rig: Rig) -> None:
    job = await made(rig, "mug")
    await whole(await opened(rig, job, ArchiveRequest(formats=["stl"])))
    archive = await opened(rig, job, ArchiveRequest(formats=["ply", "stl"], previews=False))
    assert archive.etag is None
    assert list(await unpacked(archive))[:2] == ["mug.stl", "mug.ply"]


@pytest.mark.parametrize("whole_only", [False, True])
async def test_links_that_break_off_are_read_on(rig: Rig, whole_only: bool) -> None:
    job = await made(rig, "mug", "jug", keep=KeepPolicy.LINKS)
    mesh = job.items[0].mesh
    assert mesh is not None
    assert mesh.provider_url is not None
    rig.web.whole_only = whole_only
    rig.web.breaks[mesh.provider_url] = [100, 900 if whole_only else 5, 0]
    files = await unpacked(await opened(rig, job))
    assert files["mug.glb"] == tiny_glb("mug")
    assert files["jug.glb"] == tiny_glb("jug")


async def test_links_that_break_off_for_good_break_the_download(rig: Rig) -> None:
    """What was sent has no directory, so nobody takes it for an archive."""
    job = await made(rig, "mug", keep=KeepPolicy.LINKS)
    mesh = job.items[0].mesh
    assert mesh is not None
    assert mesh.provider_url is not None
    rig.web.breaks[mesh.provider_url] = [100, 0, 0, 0]
    archive, sent = await opened(rig, job), io.BytesIO()

    async def save() -> None:
        async for chunk in archive.read():
            sent.write(chunk)

    with pytest.raises(FetchBroken):
        await save()
    assert sent.getvalue().startswith(b"PK")
    assert not zipfile.is_zipfile(sent)


async def test_links_are_read_from_the_provider(rig: Rig) -> None:
    job = await made(rig, "mug", "jug", keep=KeepPolicy.LINKS)
    gone = job.items[1].mesh
    assert gone is not None
    assert gone.provider_url is not None
    del rig.web.files[gone.provider_url]
    archive = await opened(rig, job)
    assert archive.size_bytes is None
    files = await unpacked(archive)
    assert files["mug.glb"] == tiny_glb("mug")
    assert "jug.glb" not in files
    assert manifest_of(files)["items"][1]["missing"][0]["reason"]
