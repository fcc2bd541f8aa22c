"""The catalogue: every row is complete, honest and accepted by the service's own rules."""

from decimal import Decimal

import pytest
from jsonschema import Draft202012Validator

from image2model.core.errors import InvalidSetting
from image2model.core.generator import GeneratorId, View
from image2model.jobs.catalogue import fill_options
from image2model.providers.fal.cards import card_of
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.catalogue.rows import ROWS, row_of
from image2model.providers.fal.config import FalConfig, read_config
from image2model.providers.fal.options import build_body, estimate_usd
from image2model.testing.fal_simulator.endpoints import ENDPOINTS
from image2model.testing.fal_simulator.inputs import find_problems

EVERY = pytest.mark.parametrize("generator", ROWS)
URL = "https://pictures.example/"


def urls_of(row: Row, *, every: bool) -> dict[View, str]:
    views = row.pictures.views[: row.pictures.at_most] if every else row.pictures.required
    return {view: f"{URL}{view}.png" for view in views}


def test_all_endpoints_that_are_not_retired_are_listed() -> None:
    offered = {row.id for row in ENDPOINTS.values() if not row.retired}
    assert {row.endpoint for row in ROWS.values()} == offered
    assert next(iter(ROWS)) == "fal/tripo-v2.5"


@EVERY
def test_a_row_makes_a_card(generator: GeneratorId) -> None:
    card = card_of(generator, ROWS[generator])
    Draft202012Validator.check_schema(card.options_schema)
    assert card.id == generator
    assert card.summary.endswith(".")
    assert card.licence
    assert card.typical_s > 0
    assert card.price.of(fill_options(card, {})) > 0
    for name, schema in card.options_schema["properties"].items():
        assert schema["title"], name
        assert schema["description"], name
        if "default" in schema:
            Draft202012Validator(schema).validate(schema["default"])


@EVERY
@pytest.mark.parametrize("every", [False, True], ids=["fewest views", "all views"])
def test_the_service_finds_nothing_wrong_with_the_defaults(
    generator: GeneratorId, *, every: bool
) -> None:
    row = ROWS[generator]
    options = fill_options(card_of(generator, row), {})
    body = build_body(row, options, urls_of(row, every=every))
    assert find_problems(ENDPOINTS[row.endpoint], body, lambda _url: None) == []


@EVERY
def test_the_service_knows_every_choice(generator: GeneratorId) -> None:
    """Each value of each option is one that the endpoint takes."""
    row = ROWS[generator]
    card = card_of(generator, row)
    for name, schema in row.options.items():
        values = [*schema.get("enum", ()), schema.get("minimum"), schema.get("maximum")]
        for value in (value for value in values if value is not None):
            body = build_body(row, fill_options(card, {name: value}), urls_of(row, every=False))
            problems = find_problems(ENDPOINTS[row.endpoint], body, lambda _url: None)
            assert problems == [], (name, value)


def body_of(generator: str, **options: object) -> dict[str, object]:
    row = ROWS[GeneratorId(generator)]
    filled = fill_options(card_of(GeneratorId(generator), row), options)
    return dict(build_body(row, filled, urls_of(row, every=False)))


def test_dangerous_defaults_are_not_left_to_the_service() -> None:
    assert body_of("fal/sam-3-objects")["prompt"] == "object"
    assert body_of("fal/tripo-v2.5")["pbr"] is True
    assert body_of("fal/tripo-v2.5", texture="no")["pbr"] is False
    assert "face_limit" not in body_of("fal/tripo-v2.5")
    assert body_of("fal/tripo-v2.5", face_limit=5000)["face_limit"] == 5000
    assert "face_count" not in body_of("fal/hunyuan3d-v3.1-pro")
    assert body_of("fal/tripo-h3.1", texture=False)["pbr"] is False
    assert "addons" not in body_of("fal/rodin-v2")
    assert body_of("fal/rodin-v2", high_pack=True)["addons"] == "HighPack"
    assert body_of("fal/rodin-v2.5", high_pack=True)["addons"] == {"high_pack": True}


def price_of(generator: str, *, pictures: int = 1, **options: object) -> Decimal:
    row = ROWS[GeneratorId(generator)]
    filled = fill_options(card_of(GeneratorId(generator), row), options)
    return estimate_usd(row, filled, pictures=pictures)


def test_prices_follow_the_options() -> None:
    assert price_of("fal/tripo-v2.5", texture="no") == Decimal("0.20")
    assert price_of("fal/tripo-v2.5") == Decimal("0.30")
    assert price_of("fal/tripo-v2.5", texture="HD", quad=True) == Decimal("0.45")
    assert price_of("fal/tripo-h3.1", geometry_quality="detailed") == Decimal("0.50")
    assert price_of("fal/tripo-h3.1", texture=False, texture_quality="detailed") == Decimal("0.20")
    assert price_of("fal/tripo-p2", texture=False) == Decimal("1.00")
    assert price_of("fal/trellis-2", resolution=512) == Decimal("0.25")
    assert price_of("fal/hunyuan3d-v3.1-pro") == Decimal("0.375")
    assert price_of("fal/hunyuan3d-v3.1-pro", pictures=3, face_count=50_000) == Decimal("0.675")
    assert price_of("fal/hunyuan3d-v2", textured_mesh=True) == Decimal("0.48")
    assert price_of("fal/meshy-v7.1", should_texture=False) == Decimal("0.80")


@pytest.mark.parametrize(
    "name",
    ["fal/unknown", "fal:", "fal:one", "fal:a/../b", "fal:a/b?x=1", "local/puff", "fal:a//b"],
)
def test_what_is_no_endpoint_has_no_row(name: str) -> None:
    assert row_of(GeneratorId(name)) is None


@pytest.mark.parametrize(
    "url", ["http://queue.fal.run", "ftp://127.0.0.1", "https://", "queue", "https://a:b@fal.run"]
)
def test_the_key_travels_over_https_only(url: str) -> None:
    with pytest.raises(InvalidSetting, match="IMAGE2MODEL_FAL__QUEUE_URL"):
        read_config({"queue_url": url})


def test_settings_are_read() -> None:
    assert read_config({}) == FalConfig(file_life_s=None)
    config = read_config(
        {"key": "secret", "queue_url": "http://127.0.0.1:1/q/", "concurrency": "auto"}
    )
    assert config.queue_url == "http://127.0.0.1:1/q"
    assert config.concurrency is None
    assert config.key == "secret"
    assert "secret" not in repr(config)
