"""A small shop that takes payments and verifies what it is told."""
