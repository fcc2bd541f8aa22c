"""Facts about a model: size, printability, likeness to its photo."""
