"""The emulated API without a network: one call in, one answer out, no web framework."""
