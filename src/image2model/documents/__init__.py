"""Spreadsheets and ZIP files: bytes in, bytes out."""
