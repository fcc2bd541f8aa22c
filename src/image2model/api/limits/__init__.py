"""How often and how much one caller may ask for."""
