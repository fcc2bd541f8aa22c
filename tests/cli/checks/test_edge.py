"""What `doctor` warns of at the server's edge."""

import pytest

from image2model.cli.checks.access import check_access
from image2model.cli.checks.edge import check_edge
from image2model.cli.checks.findings import Level
from image2model.core.errors import InvalidSetting
from image2model.settings import load_settings

SERVE = "IMAGE2MODEL_SERVE__"
ANYWHERE = {f"{SERVE}HOST": "0.0.0.0", f"{SERVE}ACCESS": "sessions"}
BEHIND = {f"{SERVE}BEHIND_PROXY": "true"}
PUBLIC = {"IMAGE2MODEL_PUBLIC_URL": "https://models.example"}
TRUSTED = {f"{SERVE}TRUSTED_PROXIES": "10.0.0.7"}
KEYS = {f"{SERVE}ACCESS": "keys"}
LIMITS = "IMAGE2MODEL_LIMITS__"
PRIVATE = "IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS"


@pytest.mark.parametrize(
    ("variables", "what", "words"),
    [
        ({**ANYWHERE, f"{SERVE}ALLOWED_HOSTS": "*"}, "server access", "every name"),
        ({**ANYWHERE, **BEHIND}, "proxy", "private network"),
        ({f"{SERVE}TRUSTED_PROXIES": "0.0.0.0/0"}, "proxy", "every address"),
        ({f"{SERVE}TRUSTED_PROXIES": "10.0.0.7,::/0"}, "proxy", "every address"),
        ({f"{SERVE}TRUSTED_PROXIES": "0.0.0.0/1,128.0.0.0/1"}, "proxy", "every address"),
        (PUBLIC, "proxy", "are ignored"),
        ({**ANYWHERE, **PUBLIC}, "proxy", "are ignored"),
        (
            {**TRUSTED, "IMAGE2MODEL_PUBLIC_URL": "http://models.example"},
            "public address",
            "without https",
        ),
        ({**ANYWHERE, f"{LIMITS}BYTES_PER_OWNER": "none"}, "limits", f"{LIMITS}BYTES_PER_OWNER"),
        ({**ANYWHERE, f"{LIMITS}JOBS_PER_MINUTE": "none"}, "limits", f"{LIMITS}JOBS_PER_MINUTE"),
        ({PRIVATE: "169.254.169.254"}, "fetching", "169.254.169.254"),
        ({PRIVATE: "gateway.lan,169.254.170.2:80"}, "fetching", "169.254.170.2:80"),
        ({PRIVATE: "metadata.google.internal"}, "fetching", "metadata.google.internal"),
        ({PRIVATE: "fd00:ec2::254"}, "fetching", "fd00:ec2::254"),
        (
            {f"{SERVE}METRICS_PORT": "9099", f"{SERVE}METRICS_HOST": "0.0.0.0"},
            "metrics",
            "without a key",
        ),
    ],
)
def test_warns_of_settings_that_let_too_much_in(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], what: str, words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (finding,) = check_edge(load_settings())
    assert (finding.what, finding.level) == (what, Level.WARNING)
    assert words in finding.found
    assert finding.advice


@pytest.mark.parametrize(
    ("variables", "what", "words"),
    [
        ({**ANYWHERE, **KEYS, f"{LIMITS}SESSIONS_PER_HOUR": "none"}, "limits", "SESSIONS_PER_HOUR"),
        (
            {"IMAGE2MODEL_WORKER_METRICS_PORT": "9100", "IMAGE2MODEL_QUEUE_URL": "redis://q"},
            "metrics",
            "ports 9100 to 9102",
        ),
    ],
)
def test_notes_what_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], what: str, words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (finding,) = check_edge(load_settings())
    assert (finding.what, finding.level) == (what, Level.NOTE)
    assert words in finding.found
    assert finding.advice


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {f"{LIMITS}BYTES_PER_OWNER": "none"},
        {**ANYWHERE, f"{LIMITS}BYTES": "none"},
        {"IMAGE2MODEL_PUBLIC_URL": "http://127.0.0.1:8000"},
        {"IMAGE2MODEL_PUBLIC_URL": "http://[::1]:8000"},
        {"IMAGE2MODEL_WORKER_METRICS_PORT": "9100"},
        {**ANYWHERE, **PUBLIC, **TRUSTED},
        {**ANYWHERE, f"{SERVE}ALLOWED_HOSTS": "models.example"},
        {**PUBLIC, **BEHIND},
        {**ANYWHERE, f"{SERVE}TRUSTED_PROXIES": "172.16.0.0/12"},
        {PRIVATE: "127.0.0.1:4711,gateway.lan,fd00::7"},
        {f"{SERVE}METRICS_PORT": "9099"},
    ],
)
def test_has_nothing_to_say_of_others(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert list(check_edge(load_settings())) == []


@pytest.mark.parametrize(
    ("environment", "setting"),
    [
        ({f"{SERVE}USER_HEADER": "X-User", **BEHIND}, f"{SERVE}TRUSTED_PROXIES"),
        (
            {f"{SERVE}USER_HEADER": "X-User", f"{SERVE}TRUSTED_PROXIES": "10.0.0.7,0.0.0.0/0"},
            f"{SERVE}TRUSTED_PROXIES",
        ),
        ({f"{SERVE}USER_HEADER": "X-User", f"{SERVE}TRUSTED_PROXIES": "10.0.0.7"}, None),
        ({"IMAGE2MODEL_OPENID__ISSUER": "https://login.example"}, "IMAGE2MODEL_PUBLIC_URL"),
    ],
)
def test_nobody_may_say_themselves_who_they_are(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], setting: str | None
) -> None:
    for name, value in {f"{SERVE}ACCESS": "keys", **environment}.items():
        monkeypatch.setenv(name, value)
    if setting is None:
        check_access(load_settings())
        return
    with pytest.raises(InvalidSetting) as refused:
        check_access(load_settings())
    assert refused.value.details["setting"] == setting
