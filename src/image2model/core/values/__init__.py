"""Plain values: hashes, bounded dictionaries, backoff times."""
