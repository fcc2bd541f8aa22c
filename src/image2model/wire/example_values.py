"""Values that the examples of several models share."""

from image2model.wire.paths import API_PREFIX

EXAMPLE_JOB = "0f8e4c1a9b2d4e6f8a7b3c5d1e2f4a6b"
ITEM_URL = f"{API_PREFIX}/jobs/{EXAMPLE_JOB}/items/0"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CREATED, STARTED, FINISHED = (f"2026-11-21T09:30:{second}Z" for second in ("00", "01", "48"))
OPTIONS = {"depth": 1.0, "back": "auto"}
