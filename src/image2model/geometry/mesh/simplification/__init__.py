"""Reduce the number of faces and keep the shape and the textures."""
