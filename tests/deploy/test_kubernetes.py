"""The Kubernetes manifests fit together."""

from typing import Any

import pytest

from image2model.core.generator import RunsOn
from image2model.settings import Settings, load_settings
from tests.deploy.reading import DEPLOY, check_command, check_variables, documents, walk

FOLDER = DEPLOY / "kubernetes"
WORKLOADS = {"Deployment", "Job"}


def manifests() -> list[dict[str, Any]]:
    (kustomization,) = documents(FOLDER / "kustomization.yaml")
    found: list[dict[str, Any]] = []
    for name in kustomization["resources"]:
        # The real one is the user's own.
        name = "secret.example.yaml" if name == "secret.yaml" else name  # noqa: PLW2901
        found += documents(FOLDER / name)
    return found


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pod templates by the names of what makes them."""
    found = {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in manifests()
        if one["kind"] in WORKLOADS
    }
    assert set(found) == {"migrate", "web", "worker-network", "worker-cpu"}
    return found


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def test_every_file_is_used() -> None:
    (kustomization,) = documents(FOLDER / "kustomization.yaml")
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert {
        name.replace("secret.yaml", "secret.example.yaml") for name in kustomization["resources"]
    } == there


def test_commands_are_commands_of_ours() -> None:
    for pod in pods().values():
        check_command(container(pod)["args"])


def test_settings_are_settings_and_work(monkeypatch: pytest.MonkeyPatch) -> None:
    given = named("ConfigMap")["settings"]["data"] | named("Secret")["secrets"]["stringData"]
    check_variables(list(given))
    for name, value in given.items():
        assert isinstance(value, str), name
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.serve.host == "0.0.0.0"
    for pod in pods().values():
        sources = [*container(pod)["envFrom"][0].values(), *container(pod)["envFrom"][1].values()]
        assert [source["name"] for source in sources] == ["settings", "secrets"]


def test_pods_are_hardened_and_bounded() -> None:
    for name, pod in pods().items():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["securityContext"]["runAsUser"] == 10001, name
        one = container(pod)
        assert one["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert one["resources"]["limits"]["memory"], name
        mounted = {mount["name"] for mount in one["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}, name
        assert {mount["mountPath"] for mount in one["volumeMounts"]} == {"/data", "/tmp"}, name


def test_selectors_find_their_pods() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods().items()}
    for name, deployment in named("Deployment").items():
        assert deployment["spec"]["selector"]["matchLabels"] == labels[name]
    for kind in ("Service", "PodDisruptionBudget"):
        for one in named(kind).values():
            selector = one["spec"]["selector"]
            assert selector.get("matchLabels", selector) in labels.values()
    for policy in named("NetworkPolicy").values():
        selector = policy["spec"]["podSelector"]
        for rule in selector.get("matchExpressions", ()):
            assert set(rule["values"]) <= set(labels)


def test_ports_and_probes_lead_to_the_server() -> None:
    web = container(pods()["web"])
    (port,) = web["ports"]
    assert port["containerPort"] == Settings().serve.port
    for probe, path in [("startup", "live"), ("liveness", "live"), ("readiness", "ready")]:
        asked = web[f"{probe}Probe"]["httpGet"]
        assert asked["path"] == f"/api/v1/health/{path}"
        assert asked["port"] == port["name"]
        assert asked["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
    service = named("Service")["web"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    backends = [found["service"] for found in walk(named("Ingress")["web"]) if "service" in found]
    assert backends == [{"name": "web", "port": {"name": service["spec"]["ports"][0]["name"]}}]


def test_autoscalers_watch_the_queue_of_what_they_scale() -> None:
    deployments = named("Deployment")
    scaled = named("ScaledObject")
    assert set(scaled) == {"worker-network", "worker-cpu"}
    for one in scaled.values():
        target = one["spec"]["scaleTargetRef"]["name"]
        queue = one["spec"]["triggers"][0]["metadata"]["listName"]
        assert queue in [kind.value for kind in RunsOn]
        assert container(deployments[target]["spec"]["template"])["args"][-1] == queue
        secret = one["spec"]["triggers"][0]["authenticationRef"]["name"]
        (reference,) = named("TriggerAuthentication")[secret]["spec"]["secretTargetRef"]
        assert reference["key"] in named("Secret")[reference["name"]]["stringData"]
    for one in named("HorizontalPodAutoscaler").values():
        assert one["spec"]["scaleTargetRef"]["name"] in deployments
