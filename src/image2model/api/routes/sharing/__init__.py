"""Routes for share links, and for those who open them."""
