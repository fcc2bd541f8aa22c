"""Convert models: format, size, weight, orientation and description."""
