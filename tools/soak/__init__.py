"""Owns the proof that the plugin holds in a project of somebody else's, time after time."""
