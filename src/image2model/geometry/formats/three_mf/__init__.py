"""3MF, the format of 3D printers."""
