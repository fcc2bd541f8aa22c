"""Routes for accounts: keys, sessions, sign-in."""
