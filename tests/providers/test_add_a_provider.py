"""The provider of the guide is found, sees its own settings alone, and works."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from image2model.backends.http.fetcher import HttpFetcher
from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId, WorkerId
from image2model.core.states import ItemState
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.runs.leases import LeaseKeeper
from image2model.jobs.runs.run import ItemRunner
from image2model.ports.provider import Provider, ProviderTools
from image2model.providers.registry import create_providers
from tests.harness.rig import Rig

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-provider.md"
CUBE = GeneratorId("acme/cube")


def block(language: str) -> str:
    """Read the guide's first block of code in *language*."""
    match = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    return match[1]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the guide's package: its module, and the metadata that its pyproject makes."""
    (tmp_path / "acme_provider.py").write_text(block("python"), encoding="utf-8")
    about = tmp_path / "acme_provider-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-provider\nVersion: 1.0\n")
    entry = re.search(r'^acme = "(.+)"$', block("toml"), re.MULTILINE)
    assert entry is not None
    (about / "entry_points.txt").write_text(f"[image2model.providers]\nacme = {entry[1]}\n")
    monkeypatch.syspath_prepend(tmp_path)


def tools_of(rig: Rig) -> ProviderTools:
    return ProviderTools(
        compute=rig.context.compute,
        clock=rig.clock,
        picture_limits=PictureLimits(),
        fetcher=HttpFetcher(),
        incoming=rig.context.rules.incoming,
        result_bytes=1_000_000,
        compute_limit_s=10.0,
    )


@pytest.mark.anyio
@pytest.mark.usefixtures("installed")
async def test_the_guide_works(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    providers = create_providers(tools_of(rig), config_of=lambda _name: {}).usable
    context = replace(rig.context, catalogue=Catalogue(providers, default=CUBE))
    rig.context = context
    job = await rig.submit(OwnerId("local"), "die", "box", request=JobRequest())
    keeper = LeaseKeeper(rig.store, rig.clock, worker=WorkerId("one"), lease_s=10.0)
    runner = ItemRunner(context, keeper)
    for ref in rig.dispatcher.take():
        await runner.run(ref)
    done = await rig.store.get_job(job.id)
    assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 2
    assert done.generator == CUBE
    assert [item.mesh.name for item in done.items if item.mesh] == ["die.glb", "box.glb"]


@pytest.mark.usefixtures("installed")
def test_each_provider_sees_its_own_settings(tmp_path: Path) -> None:
    asked: list[str] = []

    def config_of(name: str) -> Mapping[str, str]:
        asked.append(name)
        return {"key": f"secret of {name}"}

    tools = tools_of(Rig(tmp_path))
    providers: list[Provider] = list(create_providers(tools, config_of=config_of).usable)
    assert asked == sorted(provider.name for provider in providers)
    assert {"acme", "fal", "local"} <= set(asked)
    assert "secret" not in repr(replace(tools, config=config_of("acme")))
