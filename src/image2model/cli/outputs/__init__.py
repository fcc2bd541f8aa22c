"""Write models into the output folder."""
