"""Models that are several files: ZIP files and the files they refer to."""
