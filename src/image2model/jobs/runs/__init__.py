"""Run items: claim, submit, follow, collect, retry."""
