"""Write responses: errors, files, compression."""
