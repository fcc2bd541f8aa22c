"""Routes for webhooks: those we send, and those that providers send us."""
