"""The threat model names tests that exist, and every defence has one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    row
    for row in re.findall(r"^\| (.+) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    if not row.startswith("Threat |")
]


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_the_threat_model_is_there() -> None:
    assert len(ROWS) >= 25


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(" | ")[0])
def test_every_threat_has_a_defence_and_a_test(row: str) -> None:
    threat, defence, proof = row.split(" | ")
    assert threat
    assert defence
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proof)
    assert named
    for path, test in named:
        assert test in functions_of(path), f"{path} has no {test}"
