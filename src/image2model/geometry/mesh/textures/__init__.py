"""Textures and colours of meshes: decode, recode, lay out."""
