"""PLY, binary and text."""
