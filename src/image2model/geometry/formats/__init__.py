"""The file formats that models come in and go out as."""
