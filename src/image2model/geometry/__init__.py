"""Pure computation on pictures and meshes: bytes and arrays in, bytes and arrays out."""
