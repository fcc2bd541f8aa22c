"""Ports within one process: what the embedded mode runs on."""
