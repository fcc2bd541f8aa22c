"""Hashes of values, the same for equal values."""

import hashlib
import json


def hash_of_text(text: str) -> str:
    """Hash *text* with SHA-256, as 64 hex digits; what is kept of secrets, which are random."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(value: object) -> str:
    """Hash *value* with SHA-256, as 64 hex digits, in the one form of JSON that equals share."""
    return hash_of_text(json.dumps(value, sort_keys=True, separators=(",", ":")))
