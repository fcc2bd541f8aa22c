"""What a provider made: check it, store it, convert it, draw it."""
