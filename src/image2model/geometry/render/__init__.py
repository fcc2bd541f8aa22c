"""Draw models: camera, rasteriser, previews, turntables."""
