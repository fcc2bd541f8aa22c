"""Routes for operators: health, metrics, administration."""
