"""Which hosts are this machine."""

import pytest

from image2model.core.text.hosts import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "localhost.example", "proxy"])
def test_any_other(host: str) -> None:
    assert not is_loopback(host)
