"""Owns the proof that the plugin works in somebody else's project, time after time."""
