"""Jobs as documents: what stores that keep whole records, not rows, do alike; pure functions."""
