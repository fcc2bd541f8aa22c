"""The Khronos glTF validator as one long-running process, so that hundreds of files are quick."""

import json
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FOLDER = Path(__file__).resolve().parent
NODE = FOLDER.parent.parent / ".tools" / "node" / "bin" / "node"
INSTALLED = FOLDER / "node_modules" / ".installed"

SEVERITIES = ("error", "warning", "information", "hint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One thing the validator has to say.

    Attributes:
        severity: `error`, `warning`, `information` or `hint`.
        code: The validator's name for it, such as `ACCESSOR_MIN_MISMATCH`.
        text: The same for people.
        pointer: JSON pointer to the place; "": the file as a whole, or a byte offset in it.
    """

    severity: str
    code: str
    text: str
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What the validator says of one file.

    Attributes:
        errors: How many errors.
        warnings: How many warnings.
        messages: All of it, the worst first.
    """

    errors: int
    warnings: int
    messages: Sequence[Message]


class KhronosValidator:
    """
    The validator, running until the `with` block is left.

    Raises:
        FileNotFoundError: It is not set up; see `is_installed`.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [NODE, FOLDER / "serve.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closes the pipes, which ends the process, and waits for it.
        self._process.__exit__(kind, error, trace)

    def validate_glb(self, data: bytes) -> Report:
        """
        Check *data* against the glTF 2.0 specification, as a binary glTF file.

        Raises:
            RuntimeError: The validator itself failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(struct.pack("<I", len(data)) + data)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the glTF validator ended with {self._process.wait()}")
        answer = json.loads(line)
        if "failure" in answer:
            raise RuntimeError(f"the glTF validator failed: {answer['failure']}")
        return _report(answer["issues"])


def is_installed() -> bool:
    """Tell whether `make set-up` has been run."""
    return NODE.exists() and INSTALLED.exists()


def _report(issues: dict[str, Any]) -> Report:
    messages = sorted(issues["messages"], key=lambda message: int(message["severity"]))
    return Report(
        errors=issues["numErrors"],
        warnings=issues["numWarnings"],
        messages=[
            Message(
                severity=SEVERITIES[message["severity"]],
                code=message["code"],
                text=message["message"],
                pointer=message.get("pointer", ""),
            )
            for message in messages
        ],
    )
