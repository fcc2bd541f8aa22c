"""Triangle meshes: types, topology, simplification, repair, textures."""
