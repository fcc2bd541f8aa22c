"""What the environment can say of every setting."""

import os
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from image2model.bootstrap import open_artifacts
from image2model.core.errors import InvalidSetting
from image2model.settings import (
    example_of,
    load_settings,
    mistyped_variables,
    variables,
    warn_of_variables,
)


@pytest.mark.parametrize(
    ("variable", "group", "name"),
    [
        ("IMAGE2MODEL_LIMITS__JOBS_PER_MINUTE", "limits", "jobs_per_minute"),
        ("IMAGE2MODEL_LIMITS__FETCHES_PER_MINUTE", "limits", "fetches_per_minute"),
        ("IMAGE2MODEL_COMPUTE__MEMORY_BYTES", "compute", "memory_bytes"),
    ],
)
def test_none_switches_a_limit_off(
    monkeypatch: pytest.MonkeyPatch, variable: str, group: str, name: str
) -> None:
    assert getattr(getattr(load_settings(), group), name) is not None
    monkeypatch.setenv(variable, "none")
    assert getattr(getattr(load_settings(), group), name) is None


def test_none_is_no_value_of_what_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_LIMITS__ITEMS_PER_JOB", "none")
    with pytest.raises(InvalidSetting, match="IMAGE2MODEL_LIMITS__ITEMS_PER_JOB"):
        load_settings()


@pytest.mark.parametrize(
    ("url", "in_redis"),
    [
        ("redis://127.0.0.1:6379/1", True),
        ("rediss://:secret@host/0", True),
        ("postgresql://name@host/name", False),
        ("sqlite:///jobs.db", False),
    ],
)
def test_jobs_in_redis_are_kept_for_a_time(
    monkeypatch: pytest.MonkeyPatch, url: str, in_redis: bool
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", url)
    monkeypatch.setenv("IMAGE2MODEL_RETENTION__LINKS_S", "77")
    settings = load_settings()
    assert settings.jobs_are_in_redis is in_redis
    assert settings.effective_keep_s == (77.0 if in_redis else None)
    monkeypatch.setenv("IMAGE2MODEL_RETENTION__KEEP_S", "99")
    assert load_settings().effective_keep_s == 99.0


def test_every_default_that_may_be_none_says_what_none_means() -> None:
    def may_be_none(field: FieldInfo) -> bool:
        return type(None) in getattr(field.annotation, "__args__", ())

    silent = [
        name
        for name, field in variables().items()
        if may_be_none(field) and field.default is not None
        if "None:" not in (field.description or "")
    ]
    assert silent == []


# --- one rule for all values ----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(("IMAGE", "FAL_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.example", ["a.example"]),
        ("a.example, B.example.,", ["a.example", "b.example"]),
        ('["a.example", "10.0.0.5"]', ["a.example", "10.0.0.5"]),
        ("", []),
        ("[]", []),
        ("::1,[2001:DB8::1]", ["[::1]", "[2001:db8::1]"]),
        ("müller.example", ["xn--mller-kva.example"]),
        ("*", ["*"]),
    ],
)
def test_lists_are_read_in_both_forms(
    monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", text)
    assert load_settings().serve.allowed_hosts == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("127.0.0.1:4711, Gateway.lan", ["127.0.0.1:4711", "gateway.lan"]),
        ('["127.0.0.1:4711"]', ["127.0.0.1:4711"]),
        ("[::1]:80,::1", ["::1:80", "::1"]),
    ],
)
def test_private_hosts_are_read_in_the_same_forms(
    monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS", text)
    assert load_settings().fetch.allowed_private_hosts == names


WRONG = [
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "[models.example.org]", "has brackets"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "https://a.example", "write the host's name alone: a.exa"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "a.example:443", "has a port"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "*.example", "has a wildcard"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "a b", "is no host name"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", '"a.example"', "is no host name"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "10.0.0.300", "is no IP address"),
    ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "[1, 2]", "must be a list of names"),
    ("IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS", "[127.0.0.1]", "has brackets"),
    ("IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS", "http://127.0.0.1", "alone: 127.0.0.1"),
    ("IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS", "gateway:99999", "has a port above 65535"),
    ("IMAGE2MODEL_SERVE__HOST", "http://0.0.0.0", "alone: 0.0.0.0"),
    ("IMAGE2MODEL_SERVE__PORT", "70000", "must be 65535 or less"),
    ("IMAGE2MODEL_SERVE__ACCESS", "everybody", "must be 'sessions' or 'keys'"),
    ("IMAGE2MODEL_SERVE__BEHIND_PROXY", "perhaps", "must be true or false"),
    ("IMAGE2MODEL_SERVE__TRUSTED_PROXIES", "10.0.0.0/8,proxy.lan", "is no IP address or network"),
    ("IMAGE2MODEL_BUDGET__DAY_USD", "$5", "must be a number"),
    ("IMAGE2MODEL_BUDGET__DAY_USD", "5,00", "must be a number"),
    ("IMAGE2MODEL_BUDGET__DAY_USD", "nan", "must be a number"),
    ("IMAGE2MODEL_BUDGET__DAY_USD", "", "must be a number"),
    ("IMAGE2MODEL_BUDGET__DAY_USD", "-1", "must be 0 or more"),
    ("IMAGE2MODEL_LIMITS__ITEMS_PER_JOB", "2.5", "must be a whole number"),
    ("IMAGE2MODEL_LIMITS__ITEMS_PER_JOB", "none", "cannot be none"),
    ("IMAGE2MODEL_FAL__CONCURRENCY", "many", "must be a whole number or 'auto'"),
    ("IMAGE2MODEL_FAL__CONCURRENCY", "0", "must be 1 or more, or auto"),
    ("IMAGE2MODEL_FAL__QUEUE_URL", "http://queue.example", "plain http is accepted for loopback"),
    ("IMAGE2MODEL_RETENTION__KEEP_S", "inf", "must be a number"),
    ("IMAGE2MODEL_LEASE_S", "nan", "must be a number"),
    ("IMAGE2MODEL_ITEM_HARD_LIMIT_S", "5", "must be above IMAGE2MODEL_ITEM_SOFT_LIMIT_S"),
    ("IMAGE2MODEL_DATA_DIR", "", "is empty"),
    ("IMAGE2MODEL_DATABASE_URL", "mysql://u:geheim@h/db", "'mysql:' is not supported"),
    ("IMAGE2MODEL_DATABASE_URL", "postgresql://u:geheim/x@h/db", "its port is no number"),
    ("IMAGE2MODEL_DATABASE_URL", "postgresql://u:geheim@h", "names no database"),
    ("IMAGE2MODEL_DATABASE_URL", "redis://:geheim@h/jobs", "by a number after the host"),
    ("IMAGE2MODEL_DATABASE_URL", "sqlite:///:memory:", "must name a file"),
    ("IMAGE2MODEL_DATABASE_URL", "/var/lib/jobs.db", "has no scheme"),
    ("IMAGE2MODEL_QUEUE_URL", "redis:6379", "names no broker"),
    ("IMAGE2MODEL_QUEUE_URL", "redis://:geheim@h/items", "by a number after the host"),
    ("IMAGE2MODEL_STORAGE_URL", "/srv/models", "has no scheme"),
    ("IMAGE2MODEL_STORAGE_URL", "file://srv/models", "must name a folder after file://"),
    ("IMAGE2MODEL_STORAGE_URL", "s3://", "names no bucket"),
    ("IMAGE2MODEL_STORAGE_URL", "file:///srv/a#b", "must not have a ? or # in it"),
    ("IMAGE2MODEL_DATA_DIR", "/srv/a?b", "must not contain a question mark"),
    ("IMAGE2MODEL_STORAGE_ENDPOINT_URL", "minio:9000", "must be the address of a web server"),
    ("IMAGE2MODEL_TRACES_URL", "collector", "must be the address of a web server"),
    ("IMAGE2MODEL_PUBLIC_URL", "models.example", "must be the address of a web server"),
    ("FAL_KEY", "gehe\nim", "has characters that no key has"),
    ("IMAGE2MODEL_API_KEY", "geheim x", "has characters that no key has"),
    ("IMAGE2MODEL_SERVER_URL", "models.example", "must be the address of a web server"),
]


@pytest.mark.parametrize(("variable", "value", "reason"), WRONG)
def test_what_cannot_work_is_named_with_an_example(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    message = caught.value.message
    assert message.startswith(f"{variable}: ")
    assert reason in message
    assert message.endswith(f" Example: {variable}={example_of(variable)}")
    assert "Value error" not in message
    assert "geheim" not in message


@pytest.mark.parametrize("variable", sorted(variables()))
def test_every_setting_has_an_example_that_works(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, example_of(variable))
    load_settings()


# --- names that are mistyped ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("IMAGE2MODEL_FAL__CONCURENCY", "IMAGE2MODEL_FAL__CONCURRENCY"),
        ("IMAGE2MODEL_FAL_CONCURRENCY", "IMAGE2MODEL_FAL__CONCURRENCY"),
        ("IMAGE2MODLE_SERVE__PORT", "IMAGE2MODEL_SERVE__PORT"),
        ("IMAGE2MODEL_PORT", "IMAGE2MODEL_SERVE__PORT"),
        ("FAL_API_KEY", "FAL_KEY"),
        ("IMAGE2MODEL_SOMETHING_ELSE", None),
    ],
)
def test_a_mistyped_name_is_guessed(
    monkeypatch: pytest.MonkeyPatch, given: str, meant: str | None
) -> None:
    monkeypatch.setenv(given, "3")
    (mistyped,) = mistyped_variables()
    assert (mistyped.name, mistyped.meant) == (given, meant)
    (line,) = warn_of_variables(load_settings())
    assert given in line
    assert (f"did you mean {meant}?" in line) is (meant is not None)


@pytest.mark.parametrize(
    "given",
    [
        "IMAGE2MODEL_BUDGET__DAY_US",
        "IMAGE2MODEL_BUDGET_DAY_USD",
        "IMAGE2MODEL_BUGET__DAY_USD",
        "IMAGE2MODEL_BUDGET",
        "IMAGE2MODLE_BUDGET__DAY_USD",
        "IMAGE2MODEL_DAY_USD",
        "IMAGE2MODEL_MAX_COST",
    ],
)
def test_a_budget_that_would_not_hold_stops(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(given, "3")
    with pytest.raises(InvalidSetting, match=f"{given}: is no setting, so no budget would hold"):
        load_settings()


def test_what_kubernetes_sets_is_not_taken_for_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("IMAGE2MODEL_PORT_80_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("IMAGE2MODEL_WEB_SERVICE_HOST", "10.0.0.1")
    assert mistyped_variables() == []


def test_half_a_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY_ID", "a")
    (line,) = warn_of_variables(load_settings())
    assert "FAL_KEY_SECRET" in line


def test_a_plug_in_has_settings_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    about = tmp_path / "acme_provider-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-provider\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[image2model.providers]\nacme-3d = acme:create\n")
    monkeypatch.setenv("IMAGE2MODEL_ACME_3D__BUDGET_USD", "3")
    with pytest.raises(InvalidSetting):
        load_settings()
    monkeypatch.syspath_prepend(tmp_path)
    assert mistyped_variables() == []
    assert load_settings().provider_config("acme-3d") == {"budget_usd": "3"}


def test_the_folder_of_a_checkout_is_in_it() -> None:
    checkout = Path(__file__).parents[2]
    assert load_settings().data_dir == checkout / ".data"


def test_an_endpoint_without_a_bucket_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_STORAGE_ENDPOINT_URL", "https://minio.example:9000")
    (line,) = warn_of_variables(load_settings())
    assert "IMAGE2MODEL_STORAGE_ENDPOINT_URL has no effect" in line


def test_line_breaks_around_a_value_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are where it was read from a file."""
    monkeypatch.setenv("FAL_KEY", "a:b\n")
    assert load_settings().effective_fal_key == "a:b"


@pytest.mark.parametrize("name", ["a#b", "a b", "a%20b", "größe"])
def test_any_folder_may_hold_the_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_DATA_DIR", str(tmp_path / name))
    open_artifacts(load_settings())
    assert (tmp_path / name / "artifacts").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("variable", "value", "others_may_come"),
    [
        ("IMAGE2MODEL_SERVE__HOST", "127.0.0.1", False),
        ("IMAGE2MODEL_SERVE__HOST", "::1", False),
        ("IMAGE2MODEL_SERVE__HOST", "0.0.0.0", True),
        ("IMAGE2MODEL_SERVE__HOST", "192.168.1.5", True),
        ("IMAGE2MODEL_PUBLIC_URL", "http://localhost:8000", False),
        ("IMAGE2MODEL_PUBLIC_URL", "https://models.example/3d", True),
        ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "localhost,[::1]", False),
        ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "localhost,models.example", True),
        ("IMAGE2MODEL_SERVE__ALLOWED_HOSTS", "*", True),
        ("IMAGE2MODEL_SERVE__BEHIND_PROXY", "true", True),
        ("IMAGE2MODEL_SERVE__BASE_PATH", "/3d", True),
        ("IMAGE2MODEL_SERVE__BASE_PATH", "/", False),
        ("IMAGE2MODEL_SERVE__TRUSTED_PROXIES", "127.0.0.1", True),
    ],
)
def test_a_server_that_others_may_reach_is_known_by_more_than_its_address(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, *, others_may_come: bool
) -> None:
    monkeypatch.setenv(variable, value)
    assert load_settings().others_may_come is others_may_come


def test_limits_hold_by_themselves_where_others_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is at the machine is not limited, unless a number is set."""
    names = ("bytes_per_owner", "anonymous_bytes", "drafts_per_owner", "items_per_owner")
    assert [load_settings().limit(name) for name in names] == [None] * 4
    monkeypatch.setenv("IMAGE2MODEL_LIMITS__DRAFTS_PER_OWNER", "3")
    assert load_settings().limit("drafts_per_owner") == 3
    monkeypatch.setenv("IMAGE2MODEL_SERVE__BEHIND_PROXY", "true")
    monkeypatch.setenv("IMAGE2MODEL_LIMITS__ANONYMOUS_BYTES", "none")
    found = [load_settings().limit(name) for name in names]
    assert found == [10_000_000_000, None, 3, 500]
    monkeypatch.setenv("IMAGE2MODEL_LIMITS__ANONYMOUS_BYTES", "much")
    with pytest.raises(InvalidSetting, match=r"must be a whole number or .*auto"):
        load_settings()
