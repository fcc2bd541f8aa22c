"""Send all files of a job as one ZIP file, and check such a file."""
