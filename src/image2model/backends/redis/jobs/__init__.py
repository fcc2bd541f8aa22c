"""The `JobStore` over Redis, one module for each subject of it."""
