"""Read requests: parameters, forms, uploads."""
