"""USD and USDZ, as binary crate files."""
