"""The keyless provider: shapes computed from the pictures themselves, without learned weights."""
