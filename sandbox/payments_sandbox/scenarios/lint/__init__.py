"""The checks of a scenario beyond its shape, all of them in one pass."""
