"""The validator's own wrapper: it must tell good files from bad ones, again and again."""

import json
import struct
from collections.abc import Mapping

from tests.khronos.validator import KhronosValidator

JSON_CHUNK = 0x4E4F534A


def glb(document: Mapping[str, object]) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunk = struct.pack("<II", len(text), JSON_CHUNK) + text
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunk)) + chunk


def test_good_file_has_no_errors(khronos: KhronosValidator) -> None:
    report = khronos.validate_glb(glb({"asset": {"version": "2.0"}}))
    assert (report.errors, report.warnings, report.messages) == (0, 0, [])


def test_bad_file_says_where_and_why(khronos: KhronosValidator) -> None:
    report = khronos.validate_glb(glb({"asset": {"version": "2.0"}, "scene": 3}))
    assert report.errors == 1
    assert report.messages[0].severity == "error"
    assert report.messages[0].code == "UNRESOLVED_REFERENCE"
    assert report.messages[0].pointer == "/scene"


def test_what_is_no_glb_is_an_error(khronos: KhronosValidator) -> None:
    assert khronos.validate_glb(b"").errors == 1
    assert khronos.validate_glb(b'{"asset": {"version": "2.0"}}').errors == 1


def test_one_process_answers_for_many_files(khronos: KhronosValidator) -> None:
    """Answers come in the order of the questions, whatever their sizes."""
    for size in (0, 1, 70_000, 3):
        document = {"asset": {"version": "2.0", "copyright": "x" * size}, "scene": size}
        assert khronos.validate_glb(glb(document)).errors == 1
        assert khronos.validate_glb(glb({"asset": {"version": "2.0"}})).errors == 0
