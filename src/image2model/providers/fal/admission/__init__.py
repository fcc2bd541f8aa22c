"""How many requests may be at fal at once."""
