"""What `docs/how-to/operate.md` names is there."""

import re

from image2model.backends.prometheus.metrics import PrometheusMetrics
from image2model.cli.main import SUMMARIES
from image2model.settings import variables
from tests.deploy.reading import DEPLOY

TOP = DEPLOY.parent
TEXT = (TOP / "docs" / "how-to" / "operate.md").read_text()


def test_settings_exist() -> None:
    named = set(re.findall(r"\bIMAGE2MODEL_[A-Z_]+[A-Z]\b", TEXT))
    assert len(named) >= 10
    assert named <= set(variables())


def test_files_exist() -> None:
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", TEXT)) - {"deploy/production.env"}
    assert len(named) >= 7
    for path in named:
        assert (TOP / path).exists(), path


def test_commands_exist() -> None:
    named = set(re.findall(r"`image2model (\w+)", TEXT)) | set(
        re.findall(r"web image2model (\w+)", TEXT)
    )
    assert {"doctor", "migrate", "worker", "keys", "jobs"} <= named <= set(SUMMARIES)


def test_numbers_exist() -> None:
    told = PrometheusMetrics().exposition().decode()
    counted = set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))
    named = set(re.findall(r"`(image2model_\w+)", TEXT))
    assert len(named) >= 8
    assert {name.removesuffix("_total") for name in named} <= {
        name.removesuffix("_total") for name in counted
    }
