"""The SDK against a real server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

import image2model
from image2model.client.client import Client, is_settled
from image2model.core.errors import (
    FormatUnsupported,
    GeneratorNotFound,
    InvalidOptions,
    InvalidRequest,
    JobNotFound,
    NoPictures,
    NotAuthenticated,
    ScopeMissing,
    ServerAnswerUnknown,
    ServerUnreachable,
    WrongState,
)
from tests.client.lossy_proxy import LossyProxy


@pytest.fixture
def proxy(url: str) -> Iterator[LossyProxy]:
    with LossyProxy(int(url.rpartition(":")[2])) as running:
        yield running


def test_client_is_what_the_package_offers() -> None:
    assert image2model.Client is Client
    with pytest.raises(AttributeError, match="Server"):
        _ = image2model.Server


def test_pictures_become_files(client: Client, pictures: list[Path], tmp_path: Path) -> None:
    job = client.wait(client.submit(pictures, generator="local/puff", name="Kitchen").id)
    assert (job.state, job.name, job.counts.succeeded) == ("finished", "Kitchen", 3)
    for item in job.items:
        assert item.result is not None
        for file in item.result.files:
            path = client.download(file, tmp_path / item.name)
            assert path.name == file.name
            assert sha256(path.read_bytes()).hexdigest() == file.sha256
    stl = client.download_model(job, job.items[1], tmp_path, "stl")
    assert stl.name == "mug.stl"
    assert not list(tmp_path.rglob("*.part"))


def test_keys_are_made_changed_and_revoked(client: Client, url: str) -> None:
    """Who reaches a server that nobody else can reach may do everything."""
    ends = datetime.now(UTC) + timedelta(days=1)
    made = client.create_key("office", scopes=["read"], expires_at=ends, day_usd=5)
    assert [made.id] == [key.id for key in client.api_keys()]
    with Client(url, api_key=made.key) as holder:
        assert holder.account().scopes == ["read"]
        with pytest.raises(ScopeMissing):
            holder.api_keys()
        changed = client.change_key(made.id, scopes=["generate"], expires_at=None)
        assert (changed.expires_at, changed.limits.day_usd) == (None, 5)
        assert holder.forget_me().jobs == 0
        client.revoke_key(made.id)
        assert client.api_key(made.id).state == "revoked"
        with pytest.raises(NotAuthenticated):
            holder.account()


def test_a_job_is_shared_by_a_link(client: Client, pictures: list[Path], url: str) -> None:
    job = client.wait(client.submit(pictures[:1], generator="local/puff").id)
    link = client.share(job.id, expires_in_s=3_600, note="For the shop")
    assert [one.id for one in client.shares(job.id)] == [link.id]
    with Client(url) as stranger:
        model = httpx2.get(f"{url}{link.url}/items/0/model.glb")
        assert model.content[:4] == b"glTF"
        with pytest.raises(JobNotFound):
            stranger.job(job.id)
    client.revoke_share(job.id, link.id)
    assert client.shares(job.id) == []
    assert httpx2.get(f"{url}{link.url}").status_code == 404


def test_downloads_replace_nothing(client: Client, pictures: list[Path], tmp_path: Path) -> None:
    """Neither a file of the user, nor a folder, nor another model of the same name."""
    job = client.wait(client.submit(pictures, generator="local/puff").id)
    mug = job.items[1]
    out = tmp_path / "out"
    (out / "mug.ply").mkdir(parents=True)
    (out / "mug.stl").write_bytes(b"mine")
    first = client.download_model(job, mug, out, "stl")
    assert first.name == "mug-2.stl"
    assert client.download_model(job, mug, out, "stl") == first
    high = client.download_model(job, mug, out, "stl", adjust={"height_mm": 5})
    assert high.name == "mug-3.stl"
    assert (out / "mug.stl").read_bytes() == b"mine"
    assert client.download_model(job, mug, out, "ply").name == "mug-2.ply"
    assert client.download_model(job, mug, out, "stl", overwrite=True) == out / "mug.stl"
    assert (out / "mug.stl").read_bytes() == first.read_bytes()
    (out / "all.zip").write_bytes(b"mine")
    assert client.download_archive(job.id, out / "all.zip").name == "all-2.zip"
    assert (out / "all.zip").read_bytes() == b"mine"
    assert not list(out.glob(".*"))


def test_watching_ends_with_the_finished_job(client: Client, pictures: list[Path]) -> None:
    seen = list(client.watch(client.submit(pictures, generator="scripted/cube").id))
    assert [job.version for job in seen] == sorted(job.version for job in seen)
    assert seen[-1].state == "finished"
    now = client.wait(seen[-1].id)
    # Its previews are drawn at leisure, and make another version of it.
    assert now == seen[-1] or now.version > seen[-1].version
    assert now.state == "finished"


def test_views_group_pictures_into_one_item(client: Client, pictures: list[Path]) -> None:
    views: list[dict[str, Any]] = [
        {"name": "both", "views": {"front": 1, "back": 0}},
        {"views": {"front": 2}},
    ]
    job = client.submit(pictures, generator="scripted/cube", views=views)
    assert [item.name for item in job.items] == ["both", "pot"]
    assert [view.view for view in job.items[0].views] == ["front", "back"]


def test_same_key_is_the_same_job(client: Client, pictures: list[Path]) -> None:
    first = client.submit(pictures, generator="scripted/cube", idempotency_key="abc")
    again = client.submit(pictures, generator="scripted/cube", idempotency_key="abc")
    other = client.submit(pictures, generator="scripted/cube")
    assert again.id == first.id != other.id


def test_reuse_takes_over_what_was_made(client: Client, pictures: list[Path]) -> None:
    client.wait(client.submit(pictures[:2], generator="scripted/cube").id)
    more = client.wait(client.submit(pictures, generator="scripted/cube", reuse=True).id)
    assert [len(item.attempts) for item in more.items] == [0, 0, 1]


def test_jobs_are_listed_page_by_page(client: Client, pictures: list[Path]) -> None:
    ids = [client.submit(pictures[:1], generator="scripted/cube").id for _ in range(3)]
    found = [[job.id for job in page.jobs] for page in client.jobs(limit=2)]
    assert found == [[ids[2], ids[1]], [ids[0]]]


def test_jobs_can_be_changed(client: Client, pictures: list[Path]) -> None:
    job = client.wait(client.submit(pictures, generator="scripted/cube").id)
    with pytest.raises(WrongState) as caught:
        client.pause(job.id)
    assert caught.value.details["state"] == "finished"
    assert client.cancel(job.id).counts.succeeded == 3
    assert client.retry(job.id).state == "finished"
    client.delete(job.id)
    with pytest.raises(JobNotFound):
        client.job(job.id)


def test_models_are_inspected_and_compared(client: Client, pictures: list[Path]) -> None:
    job = client.wait(client.submit(pictures[:1], generator="local/extrude").id)
    told = client.inspect(job.id, 0, printer_min_mm=0.5)
    assert (told.format, told.print.verdict, told.print.printer_min_mm) == ("glb", "ready", 0.5)
    fidelity = client.fidelity(job.id, 0)
    assert fidelity.score is not None
    assert fidelity.score > 0.85


def test_generators_and_estimates(client: Client) -> None:
    generators = client.generators()
    assert generators[0].default
    assert client.generator("scripted/cube") in generators
    estimate = client.estimate(items=5, generator="scripted/cube", options={"quality": "high"})
    assert estimate.total_usd == pytest.approx(1.5)


def test_refusals_are_the_errors_of_the_product(
    client: Client, pictures: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(GeneratorNotFound, match="local/puff"):
        client.submit(pictures, generator="local/none")
    with pytest.raises(InvalidOptions):
        client.submit(pictures, generator="local/puff", options={"depth": 99})
    with pytest.raises(InvalidRequest):
        client.submit(pictures, views=[{"views": {"front": 7}}])
    with pytest.raises(NoPictures):
        client.submit([])
    with pytest.raises(FileNotFoundError):
        client.submit([tmp_path / "none.png"])
    job = client.wait(client.submit(pictures, generator="scripted/cube").id)
    with pytest.raises(FormatUnsupported):
        client.download_model(job, job.items[0], tmp_path, "doc")
    assert not list(tmp_path.glob("*.doc*"))


def test_sessions_are_kept_apart_and_can_be_taken_up_again(
    url: str, client: Client, pictures: list[Path]
) -> None:
    assert client.session is None
    job = client.submit(pictures, generator="scripted/cube")
    with Client(url) as stranger, pytest.raises(JobNotFound):
        stranger.job(job.id)
    with Client(url, session=client.session) as again:
        assert again.job(job.id).id == job.id
        assert again.session == client.session


def test_forgotten_session_is_replaced(url: str, pictures: list[Path]) -> None:
    with Client(url, session="of another server") as client:
        job = client.submit(pictures, generator="scripted/cube")
        assert client.session != "of another server"
        assert client.job(job.id).id == job.id


def test_wrong_key_is_refused(url: str) -> None:
    with Client(url, api_key="i2m_00000000_0") as client, pytest.raises(NotAuthenticated):
        list(client.jobs())


def test_no_server_is_told(pictures: list[Path]) -> None:
    with Client("http://127.0.0.1:1") as client:
        for call in (client.generators, lambda: client.submit(pictures)):
            with pytest.raises(ServerUnreachable, match=r"http://127\.0\.0\.1:1 "):
                call()


def test_other_servers_answers_are_told_apart(url: str) -> None:
    with (
        Client(f"{url}/elsewhere") as client,
        pytest.raises(ServerAnswerUnknown, match="no answer of an image2model server"),
    ):
        client.generators()


def test_lost_answer_makes_no_second_job(url: str, proxy: LossyProxy, pictures: list[Path]) -> None:
    with Client(proxy.url) as client:
        client.submit(pictures[:1], generator="scripted/cube")
        proxy.answers_to_lose = 1
        job = client.submit(pictures, generator="scripted/cube")
        assert proxy.answers_to_lose == 0
        assert job.id in [one.id for page in client.jobs() for one in page.jobs]
        assert len([one for page in client.jobs() for one in page.jobs]) == 2


def test_watching_goes_on_after_a_lost_connection(proxy: LossyProxy, pictures: list[Path]) -> None:
    with Client(proxy.url) as client:
        job = client.submit(pictures, generator="local/puff", options={"face_limit": 20_000})
        states: list[str] = []
        for seen in client.watch(job.id):
            if not states:
                proxy.cut()
            states.append(seen.state)
        assert states[-1] == "finished"


def test_uncertain_items_settle_a_job_that_is_not_finished(
    client: Client, pictures: list[Path]
) -> None:
    done = client.wait(client.submit(pictures[:2], generator="scripted/cube").id)
    told = json.loads(done.model_dump_json())
    told["state"] = "running"
    assert not is_settled(done.model_validate(told)), "its own end is still to be told"
    told["items"][0]["state"] = "uncertain"
    assert is_settled(done.model_validate(told))
    told["items"][1]["state"] = "queued"
    assert not is_settled(done.model_validate(told))
