"""Routes for jobs, their items and drafts."""
