"""Identifiers that we make ourselves: safe as file names, in URLs and in logs."""

import re
import secrets
from typing import NewType

JobId = NewType("JobId", str)
"""32 lower-case hex digits."""

ArtifactId = NewType("ArtifactId", str)
"""32 lower-case hex digits: safe as a file name by construction."""

OwnerId = NewType("OwnerId", str)
"""Who owns a job: `session:…`, `key:…`, or `local` for the command line without a server."""

WorkerId = NewType("WorkerId", str)
"""One running process that may hold leases."""

SubmitKey = NewType("SubmitKey", str)
"""Names one attempt for ever; written down before the provider hears of it."""

LOCAL_OWNER = OwnerId("local")

ANONYMOUS_OWNER = "session:"
"""How the names of owners begin that are browser sessions without an API key."""

_HEX_ID = re.compile(r"[0-9a-f]{32}")


def is_anonymous(owner: str) -> bool:
    """Tell whether *owner* is a browser session without an API key."""
    return owner.startswith(ANONYMOUS_OWNER)


def new_hex_id() -> str:
    """Make an id of 128 random bits, as 32 lower-case hex digits."""
    return secrets.token_hex(16)


def is_hex_id(text: str) -> bool:
    """Tell whether *text* could be an id that `new_hex_id` made."""
    return _HEX_ID.fullmatch(text) is not None
