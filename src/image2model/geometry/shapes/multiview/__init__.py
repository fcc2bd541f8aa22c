"""A solid from several views of one object."""
