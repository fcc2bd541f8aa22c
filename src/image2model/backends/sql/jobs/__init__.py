"""The `JobStore` over SQL, one module for each subject of it."""
