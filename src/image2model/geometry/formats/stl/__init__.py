"""STL, binary and text."""
