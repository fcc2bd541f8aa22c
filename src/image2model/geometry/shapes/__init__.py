"""Build solids from silhouettes: puff, extrude, relief, lathe, hull."""
