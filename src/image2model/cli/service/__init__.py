"""Where the commands do their work: in this process, or at a server."""
