"""Routes for what a job has made: files, archives, facts."""
