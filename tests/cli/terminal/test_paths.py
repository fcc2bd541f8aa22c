"""Places are shown without what opens them."""

import pytest

from image2model.cli.terminal.paths import without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/i2m/image2model.db", "sqlite:////srv/i2m/image2model.db"),
        ("sqlite:///jobs@home.db", "sqlite:///jobs@home.db"),
        ("postgresql://me:se@cret@db:5432/jobs?sslkey=k", "postgresql://db:5432/jobs"),
        ("postgresql:///jobs?password=secret", "postgresql:///jobs"),
        ("redis://:secret@cache/0", "redis://cache/0"),
    ],
)
def test_secrets_are_left_out(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
