"""Server-sent events: the frames of a stream, and who receives which."""
