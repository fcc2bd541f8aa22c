"""What fal says is told in words of people."""

import json

from image2model.providers.fal.requests.errors import input_problem
from image2model.providers.fal.requests.http import Answer


def test_what_a_check_there_says_is_told_without_its_kind() -> None:
    detail = [{"type": "value_error", "loc": ["body", "seed"], "msg": "Value error, is odd."}]
    body = json.dumps({"detail": detail}).encode()
    error = input_problem(Answer(status=422, headers={}, body=body))
    assert "Value error" not in error.message
    assert "is odd" in error.message
    assert ".," not in error.message
    assert ".." not in error.message
