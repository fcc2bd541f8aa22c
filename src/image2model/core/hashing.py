"""Hashes of values, the same for equal values."""

import hashlib
import json


def hash_of(value: object) -> str:
    """Hash *value* with SHA-256, as 64 hex digits, in the one form of JSON that equals share."""
    told = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()
