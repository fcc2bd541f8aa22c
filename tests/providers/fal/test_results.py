"""Results: files as they are, not as they are called."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from image2model.backends.http.fetcher import HttpFetcher
from image2model.core.errors import ArtifactTooLarge, ProviderResultInvalid, ProviderUnavailable
from image2model.core.generator import GeneratorId, View
from image2model.core.job import FileRole
from image2model.geometry.gltf.reader import verify_glb
from image2model.providers.fal.provider import FalProvider
from image2model.providers.fal.results.archives import unpack
from image2model.providers.fal.results.download import BadContent
from image2model.testing.fal_simulator import FaultRule
from tests.providers.fal.rig import extras_of, mesh_of, running, work

pytestmark = pytest.mark.anyio


def run_fault(action: str, **options: Any) -> FaultRule:
    return FaultRule(on="run", action=action, options=options)


def download_fault(action: str, **options: Any) -> FaultRule:
    return FaultRule(on="download", action=action, times=1, options=options)


ARRIVES: Mapping[str, tuple[FaultRule, str]] = {
    # case: fault, format of what is delivered
    "under another key": (run_fault("mesh_other_key"), "glb"),
    "wrong type": (run_fault("mesh_wrong_type"), "glb"),
    "bare URLs": (run_fault("bare_files"), "glb"),
    "keys missing": (run_fault("missing_keys"), "glb"),
    "a zip": (run_fault("mesh_zip"), "obj"),
    "an OBJ called GLB": (run_fault("mesh_obj"), "obj"),
    "an FBX called GLB": (run_fault("mesh_fbx"), "fbx"),
    "connection resets": (download_fault("reset_midway"), "glb"),
    "cut short": (download_fault("cut_short"), "glb"),
    "longer than promised": (download_fault("wrong_length", by_bytes=-100), "glb"),
    "shorter than promised": (download_fault("wrong_length"), "glb"),
    "a page instead, once": (download_fault("reply", status=200, text="<html>Wait</html>"), "glb"),
    "nothing, once": (download_fault("reply", status=200, text=""), "glb"),
    "slow": (download_fault("slow_body", bytes_per_s=100_000.0), "glb"),
    "breaks down, once": (download_fault("unavailable"), "glb"),
    "limited": (download_fault("rate_limited"), "glb"),
}


@pytest.mark.parametrize("case", ARRIVES)
async def test_what_can_be_used_is_delivered(tmp_path: Path, case: str) -> None:
    fault, form = ARRIVES[case]
    async with running(tmp_path, faults=[fault]) as rig:
        mesh = mesh_of(await rig.run())
        assert mesh.name == f"model.{form}"
        assert mesh.path is not None
        if form == "glb":
            verify_glb(mesh.path.read_bytes())
        assert rig.paid == [1]
        assert rig.fal.ledger.violations == []


FAILS: Mapping[str, tuple[FaultRule, str]] = {
    "no mesh": (run_fault("mesh_null"), "names no mesh"),
    "a page": (run_fault("mesh_html"), "a web page"),
    "empty": (run_fault("mesh_empty"), "is empty"),
    "truncated": (run_fault("mesh_truncated"), "its header promises"),
    "redirects elsewhere": (FaultRule(on="download", action="redirect"), "not https"),
    "gone": (FaultRule(on="download", action="missing"), "no longer at"),
    "gone for good": (
        FaultRule(on="download", action="missing", options={"status": 410}),
        "no longer at",
    ),
}


@pytest.mark.parametrize("case", FAILS)
async def test_what_cannot_be_used_is_said(tmp_path: Path, case: str) -> None:
    fault, reason = FAILS[case]
    async with running(tmp_path, faults=[fault]) as rig:
        with pytest.raises(ProviderResultInvalid, match=reason):
            await rig.run()
        assert _left_over(tmp_path) == []


async def test_a_file_over_the_cap_can_be_fetched_again(tmp_path: Path) -> None:
    """Its size is refused before a byte is read; with a higher cap the same request delivers."""
    async with running(tmp_path, faults=[run_fault("mesh_huge", size_bytes=20_000_000)]) as rig:
        task, handle = await rig.accepted()
        await rig.follow(task, handle)
        with pytest.raises(ArtifactTooLarge):
            await rig.provider.collect(task, handle)
        assert _left_over(tmp_path) == []


async def test_a_download_that_never_works_is_not_lost(tmp_path: Path) -> None:
    faults = [FaultRule(on="download", action="reset_before")]
    async with running(tmp_path, faults=faults) as rig:
        task, handle = await rig.accepted()
        await rig.follow(task, handle)
        with pytest.raises(ProviderUnavailable):
            await rig.provider.collect(task, handle)
        rig.fal.remove_fault()
        assert mesh_of(await rig.provider.collect(task, handle)).name == "model.glb"
        assert rig.paid == [1]


async def test_a_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    fault = FaultRule(on="download", action="cut_short", times=1, options={"fraction": 0.6})
    async with running(tmp_path, faults=[fault]) as rig:
        task, handle = await rig.accepted()
        await rig.follow(task, handle)
        counted = _CountingFetcher([f"127.0.0.1:{rig.fal.port}"])
        provider = FalProvider(replace(rig.tools, fetcher=counted), rig.config)
        await provider.collect(task, handle)
        assert counted.starts[:1] == [0]
        assert any(start > 0 for start in counted.starts)
        await provider.aclose()
        await counted.aclose()


class _CountingFetcher(HttpFetcher):
    """Remembers from which byte each download went on."""

    def __init__(self, hosts: Sequence[str]) -> None:
        super().__init__(allowed_private_hosts=hosts)
        self.starts: list[int] = []

    def fetch(self, url: str, *, limit_bytes: int, start: int = 0) -> Any:
        self.starts.append(start)
        return super().fetch(url, limit_bytes=limit_bytes, start=start)


async def test_a_private_address_in_a_result_is_not_fetched(tmp_path: Path) -> None:
    """Whatever fal may be made to answer, nobody reads from inside our network."""
    async with running(tmp_path) as rig:
        guarded = replace(rig.tools, fetcher=HttpFetcher())
        provider = FalProvider(guarded, rig.config)
        task, handle = await rig.accepted()
        await rig.follow(task, handle)
        with pytest.raises(ProviderResultInvalid, match="not https"):
            await provider.collect(task, handle)
        await provider.aclose()


async def test_cost_is_what_was_charged(tmp_path: Path) -> None:
    options = {"texture": "HD", "quad": True}
    async with running(tmp_path) as rig:
        task = work(options=options)
        submission = await rig.provider.prepare(task)
        delivery = await rig.run(task)
        assert submission.estimated_usd == delivery.cost_usd == Decimal("0.45")
        assert rig.fal.account().billed_usd == 0.45
        assert mesh_of(delivery).name == "model.fbx"


@pytest.mark.parametrize(
    "fault",
    [run_fault("units_unknown"), FaultRule(on="pricing", action="server_error")],
    ids=["units", "price"],
)
async def test_unknown_cost_is_not_made_up(tmp_path: Path, fault: FaultRule) -> None:
    async with running(tmp_path, faults=[fault]) as rig:
        assert (await rig.run()).cost_usd is None


async def test_files_know_when_they_end(tmp_path: Path) -> None:
    async with running(tmp_path, file_life_s=3600.0) as rig:
        before = rig.tools.clock.now()
        mesh = mesh_of(await rig.run())
        assert mesh.url is not None
        assert mesh.expires_at is not None
        left = mesh.expires_at - before
        assert timedelta(seconds=3500) < left < timedelta(seconds=3700)


async def test_side_files_come_along(tmp_path: Path) -> None:
    """And one that is missing fails nothing."""
    meshy = GeneratorId("fal/meshy-v7.1")
    async with running(tmp_path) as rig:
        delivery = await rig.run(work(generator=meshy))
        roles = [file.role for file in delivery.files]
        assert roles[0] is FileRole.MESH
        assert {FileRole.PREVIEW, FileRole.TEXTURE, FileRole.ORIGINAL} <= set(roles)
        assert isinstance(delivery.facts["seed"], int)
        rig.fal.add_fault("download", "missing", skip=1)
        again = await rig.run(work("vase", generator=meshy))
        assert [file.role for file in again.files] == [FileRole.MESH]


async def test_each_item_gets_its_own_model(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        task = work()
        submission = await rig.provider.prepare(task)
        _, handle = await rig.accepted(task)
        await rig.follow(task, handle)
        extras = extras_of(await rig.provider.collect(task, handle))
        assert extras["request_id"] == handle.request_id
        assert extras["picture"] not in submission.data["pictures"]


async def test_every_listed_generator_delivers(tmp_path: Path) -> None:
    """Each with its defaults and the fewest pictures, at the price the catalogue says."""
    roughly = {"fal/reconviagen-0.5", "fal/sam-3-objects", "fal/hi3d"}
    async with running(tmp_path) as rig:
        for card in rig.provider.cards():
            views: list[View] = [*card.required_views, *card.optional_views][: card.min_views]
            task = work(card.id, generator=card.id, views=views)
            delivery = await rig.run(task)
            mesh = mesh_of(delivery)
            assert mesh.name.rpartition(".")[2] in card.output_formats, card.id
            assert delivery.cost_usd is not None
            if card.id in roughly:
                assert delivery.cost_usd <= card.price.of(task.options), card.id
            else:
                assert delivery.cost_usd == card.price.of(task.options), card.id


def test_archives_are_not_trusted(tmp_path: Path) -> None:
    """Neither names nor sizes, nor the number of files."""
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../escaped.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
        archive.writestr("notes.exe", "MZ")
    [member] = unpack(evil, tmp_path, limit_bytes=1000)
    assert member.file.path.parent == tmp_path
    assert member.name == "escaped.obj"
    member.file.path.unlink()
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.obj", b"v 0 0 0\n" * 1_000_000)
    with pytest.raises(BadContent, match="too large"):
        unpack(bomb, tmp_path, limit_bytes=1_000_000)
    crowd = tmp_path / "crowd.zip"
    with zipfile.ZipFile(crowd, "w") as archive:
        for number in range(300):
            archive.writestr(f"{number}.obj", "v 0 0 0\n")
    with pytest.raises(BadContent, match="300 files"):
        unpack(crowd, tmp_path, limit_bytes=1_000_000)
    with pytest.raises(BadContent, match="no mesh"):
        unpack(_zip_of(tmp_path, "readme.txt", b"hello"), tmp_path, limit_bytes=1000)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(bomb.read_bytes()[:500])
    with pytest.raises(BadContent, match="cannot be opened"):
        unpack(broken, tmp_path, limit_bytes=1000)
    assert _left_over(tmp_path) == []


def _zip_of(folder: Path, name: str, content: bytes) -> Path:
    path = folder / "one.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def _left_over(folder: Path) -> Sequence[Path]:
    return list(folder.glob("*.part"))
