"""Settings of fal and of fetching, as the environment gives them."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from image2model.core.errors import InvalidSetting
from image2model.providers.fal.config import read_config
from image2model.settings import FalSettings, load_settings, variables

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "use-fal.md"
NONE = ["FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET", "IMAGE2MODEL_DEFAULT_GENERATOR"]


def given(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name in NONE:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("environment", "generator", "key"),
    [
        ({}, "local/puff", None),
        ({"FAL_KEY": "a:b"}, "fal/tripo-v2.5", "a:b"),
        ({"FAL_KEY_ID": "a", "FAL_KEY_SECRET": "b"}, "fal/tripo-v2.5", "a:b"),
        ({"FAL_KEY_ID": "a"}, "local/puff", None),
        ({"FAL_KEY": ""}, "local/puff", None),
        (
            {"FAL_KEY": "a:b", "IMAGE2MODEL_DEFAULT_GENERATOR": "local/relief"},
            "local/relief",
            "a:b",
        ),
    ],
)
def test_a_key_changes_the_default_generator(
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str],
    generator: str,
    key: str | None,
) -> None:
    given(monkeypatch, environment)
    settings = load_settings()
    assert settings.effective_default_generator == generator
    assert settings.provider_config("fal").get("key") == key


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"FAL_KEY": "very-secret"})
    settings = load_settings()
    assert "very-secret" not in f"{settings!r} {settings}"
    assert "very-secret" not in repr(read_config(settings.provider_config("fal")))


def test_plug_ins_get_their_own_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"FAL_KEY": "very-secret", "IMAGE2MODEL_ACME__API_KEY": "theirs"})
    assert load_settings().provider_config("acme") == {"api_key": "theirs"}


def test_what_fal_is_told_is_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        {
            "IMAGE2MODEL_FAL__QUEUE_URL": "http://127.0.0.1:4711/queue",
            "IMAGE2MODEL_FAL__CONCURRENCY": "auto",
            "IMAGE2MODEL_FAL__LIMIT_S": "60",
            "IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS": "127.0.0.1:4711, gateway.lan",
        },
    )
    settings = load_settings()
    config = read_config(settings.provider_config("fal"))
    assert config.queue_url == "http://127.0.0.1:4711/queue"
    assert config.concurrency is None
    assert config.limit_s == 60.0
    assert config.file_life_s == FalSettings().file_life_s
    assert settings.fetch.allowed_private_hosts == ["127.0.0.1:4711", "gateway.lan"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONCURRENCY", "0"), ("CONCURRENCY", "many"), ("START_LIMIT_S", "0.5"), ("LIMIT_S", "soon")],
)
def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    given(monkeypatch, {f"IMAGE2MODEL_FAL__{name}": value})
    with pytest.raises(InvalidSetting, match=f"IMAGE2MODEL_FAL__{name}"):
        load_settings()


def test_the_guide_names_every_setting_and_its_default() -> None:
    rows = re.findall(
        r"^\| `([A-Z]\w+)`.*\| ([^|]+) \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {name: default.strip(" `") for name, default in rows}
    known = variables()
    assert set(told) <= set(known)
    for name in FalSettings.model_fields:
        variable = f"IMAGE2MODEL_FAL__{name.upper()}"
        default = known[variable].default
        expected = default if isinstance(default, str) else f"{default:g}"
        assert told[variable] == expected, variable
