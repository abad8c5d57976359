"""The way from a scenario's plain values, whose shape the schema has accepted, to its model."""
