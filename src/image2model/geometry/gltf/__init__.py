"""glTF 2.0 and GLB, with their extensions."""
