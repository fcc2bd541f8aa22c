"""Files kept in a folder of this computer."""
