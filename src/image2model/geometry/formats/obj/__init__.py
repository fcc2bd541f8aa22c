"""Wavefront OBJ and MTL."""
