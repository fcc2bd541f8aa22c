"""Which endpoints there are, as data: a module for each family of models."""
