"""What the environment can say of every setting."""

import pytest
from pydantic.fields import FieldInfo

from image2model.core.errors import InvalidSetting
from image2model.settings import load_settings, variables


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
