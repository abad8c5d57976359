"""Measurements, run by `make bench`; what they mean is in docs/performance.md."""
