"""Turn jobs, items and ledgers into the models of the HTTP API."""
