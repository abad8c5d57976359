"""A local sandbox for the Payments API v3.2: real state, scripted failure, virtual time."""

__version__ = "0.2.0"
