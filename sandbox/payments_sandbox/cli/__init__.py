"""The command line: one module per command; each parses, calls and prints."""

from payments_sandbox.cli.main import main

__all__ = ["main"]
