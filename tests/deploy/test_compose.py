"""The compose files name nothing that is not there."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from image2model.settings import Settings, load_settings
from tests.deploy.reading import (
    DEPLOY,
    check_command,
    check_variables,
    documents,
    environment_of,
    interpolate,
)

FILES = ("compose.yaml", "compose.production.yaml")
OURS = {"web", "worker", "worker-network", "worker-cpu", "migrate"}
FILLED_IN = {"POSTGRES_PASSWORD": "secret1", "REDIS_PASSWORD": "secret2", "FAL_KEY": "id:secret"}


def read(name: str) -> dict[str, Any]:
    given = environment_of(DEPLOY / "production.env.example") | FILLED_IN
    (found,) = documents(DEPLOY / name)
    filled: dict[str, Any] = interpolate(found, given)
    return filled


def ours(compose: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: one for name, one in compose["services"].items() if name in OURS}
    assert len(found) >= 2
    return found


@pytest.fixture(params=FILES)
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read(request.param)


def test_commands_are_commands_of_ours(compose: dict[str, Any]) -> None:
    for service in ours(compose).values():
        check_command(service["command"])


def test_settings_are_settings_and_work(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ours(compose).values():
        check_variables(list(service["environment"]))
        with monkeypatch.context() as patch:
            for name, value in service["environment"].items():
                assert isinstance(value, str), f"{name}: YAML makes something else of {value!r}"
                patch.setenv(name, value)
            settings = load_settings()
        check_hosts(settings, compose)


def check_hosts(settings: Settings, compose: dict[str, Any]) -> None:
    for url in (settings.effective_database_url, settings.queue_url):
        host = urlsplit(url).hostname
        assert host in compose["services"], url
        shared = set(networks(compose["services"][host]))
        for service in ours(compose).values():
            assert shared & set(networks(service)), f"{host} is out of reach"


def networks(service: Mapping[str, Any]) -> list[str]:
    return list(service.get("networks", ["default"]))


def test_passwords_are_those_of_the_servers(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in ours(compose).values():
        database = urlsplit(service["environment"]["IMAGE2MODEL_DATABASE_URL"])
        postgres = services["postgres"]["environment"]
        assert database.username == postgres["POSTGRES_USER"]
        assert database.password == postgres["POSTGRES_PASSWORD"]
        assert database.path == f"/{postgres['POSTGRES_DB']}"
        queue = urlsplit(service["environment"]["IMAGE2MODEL_QUEUE_URL"])
        redis = services["redis"].get("environment", {})
        assert queue.password == redis.get("REDIS_PASSWORD")


def test_what_is_depended_on_exists_and_can_be_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            match condition["condition"]:
                case "service_healthy":
                    assert "healthcheck" in services[name], name
                case other:
                    assert other == "service_completed_successfully"
                    assert services[name]["restart"] == "no", name


def test_files_and_volumes_exist(compose: dict[str, Any]) -> None:
    used = set()
    for service in compose["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), source
            else:
                used.add(source)
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert used == set(compose["volumes"])


def test_health_is_asked_where_the_server_answers(compose: dict[str, Any]) -> None:
    (url,) = [
        word.strip("\"')")
        for part in compose["services"]["web"]["healthcheck"]["test"]
        for word in part.replace('("', " ").split()
        if "http://" in word
    ]
    parts = urlsplit(url)
    assert parts.port == Settings().serve.port
    assert parts.path == "/api/v1/health/ready"


def test_every_image_of_ours_is_built(compose: dict[str, Any]) -> None:
    services = ours(compose)
    built = {service["image"] for service in services.values() if "build" in service}
    assert {service["image"] for service in services.values()} == built


def test_production_is_hardened() -> None:
    for name, service in read("compose.production.yaml")["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name != "migrate":
            assert service["restart"] == "unless-stopped", name
            assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
    for name, service in ours(read("compose.production.yaml")).items():
        assert service["user"] == "10001:10001", name
        assert "--uid 10001" in (DEPLOY / "Dockerfile").read_text()


def test_production_publishes_the_proxy_alone() -> None:
    services = read("compose.production.yaml")["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert f"web {Settings().serve.port}" in (DEPLOY / "Caddyfile").read_text()


@pytest.mark.parametrize("missing", ["POSTGRES_PASSWORD", "REDIS_PASSWORD"])
def test_production_does_not_start_without_passwords(missing: str) -> None:
    given = environment_of(DEPLOY / "production.env.example") | FILLED_IN | {missing: ""}
    (found,) = documents(DEPLOY / "compose.production.yaml")
    with pytest.raises(KeyError, match=missing):
        interpolate(found, given)


def test_example_holds_every_variable_that_is_asked_for() -> None:
    """With all of them given, none falls back to something else; a typo would."""
    text = (DEPLOY / "compose.production.yaml").read_text()
    names = {part.partition(":")[0].partition("}")[0] for part in text.split("${")[1:]}
    assert names == set(environment_of(DEPLOY / "production.env.example"))
