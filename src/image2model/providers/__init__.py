"""Adapters that run families of image-to-3D generators."""
