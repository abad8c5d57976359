"""A small shop that takes payments, and is hard to fool."""
