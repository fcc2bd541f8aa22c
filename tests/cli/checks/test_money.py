"""Which settings of money let a server start, and which `doctor` warns of."""

from collections.abc import Mapping
from contextlib import nullcontext

import pytest

from image2model.cli.checks.money import check_budget
from image2model.core.errors import InvalidSetting
from image2model.settings import load_settings
from tests.cli.running import Here

PUBLIC = {"IMAGE2MODEL_PUBLIC_URL": "https://models.example", "FAL_KEY": "a:b"}
KEYS = {"IMAGE2MODEL_SERVE__ACCESS": "keys"}
SESSIONS = {"IMAGE2MODEL_SERVE__ACCESS": "sessions"}
PAID = {"IMAGE2MODEL_BUDGET__ANONYMOUS": "paid"}
OF_OWNER = {"IMAGE2MODEL_BUDGET__OWNER_DAY_USD": "5"}
OF_DAY = {"IMAGE2MODEL_BUDGET__DAY_USD": "5"}


def given(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "starts"),
    [
        (PUBLIC | KEYS, False),
        (PUBLIC | SESSIONS, False),
        (PUBLIC | KEYS | OF_DAY, True),
        (PUBLIC | KEYS | {"IMAGE2MODEL_BUDGET__MONTH_USD": "5"}, True),
        (PUBLIC | KEYS | OF_OWNER, True),
        (PUBLIC | SESSIONS | OF_OWNER, True),
        (PUBLIC | SESSIONS | OF_OWNER | PAID, False),
        (PUBLIC | SESSIONS | OF_DAY | PAID, True),
        (PUBLIC | KEYS | {"FAL_KEY": ""}, True),
        ({"FAL_KEY": "a:b"}, True),
    ],
)
def test_money_needs_a_budget_where_others_come(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], *, starts: bool
) -> None:
    """Limits of owners are none where anybody can be a new owner and spend."""
    given(monkeypatch, variables)
    refused = pytest.raises(InvalidSetting, match="IMAGE2MODEL_BUDGET__DAY_USD=10")
    with nullcontext() if starts else refused:
        check_budget(load_settings())


@pytest.mark.parametrize(
    ("variables", "level", "told"),
    [
        (PUBLIC | KEYS, "failure", ["nothing limits", "IMAGE2MODEL_BUDGET__DAY_USD"]),
        ({"FAL_KEY": "a:b"}, "note", ["nothing limits", "IMAGE2MODEL_BUDGET__DAY_USD"]),
        (PUBLIC | SESSIONS | OF_DAY | PAID, "warning", ["everybody", "ANONYMOUS=free"]),
        (
            PUBLIC | KEYS | OF_DAY | {"IMAGE2MODEL_ALLOWED_GENERATORS": "f*"},
            "warning",
            ["listed or not", "local/*,fal/*"],
        ),
        (
            PUBLIC | KEYS | OF_OWNER | {"IMAGE2MODEL_BUDGET__UNKNOWN_PRICE_USD": "1"},
            "warning",
            ["no known price", "IMAGE2MODEL_BUDGET__DAY_USD"],
        ),
        (PUBLIC | KEYS | {"IMAGE2MODEL_BUDGET__DAY_USD": "0"}, "warning", ["used up", "raise"]),
        (PUBLIC | KEYS | OF_DAY, "ok", ["limited: day_usd 5"]),
        ({"FAL_KEY": ""}, "ok", ["nothing that costs money"]),
    ],
)
def test_doctor_tells_what_is_unsafe_about_money(
    here: Here,
    monkeypatch: pytest.MonkeyPatch,
    variables: Mapping[str, str],
    level: str,
    told: list[str],
) -> None:
    given(monkeypatch, variables)
    # Nothing is asked of fal itself.
    monkeypatch.setenv("IMAGE2MODEL_FAL__API_URL", "http://127.0.0.1:9")
    findings = here("doctor", "--json").json["findings"]
    (spending,) = [one for one in findings if one["what"] == "spending"]
    assert spending["level"] == level
    said = f"{spending['found']} {spending.get('advice', '')}"
    assert [part for part in told if part not in said] == []
