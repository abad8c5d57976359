"""The scenario language: reading YAML, lint, the library, activation in a world."""
