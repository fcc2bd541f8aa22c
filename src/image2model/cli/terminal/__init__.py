"""Reading from and writing to the terminal."""
