"""Turn batches of pictures into 3D models."""
