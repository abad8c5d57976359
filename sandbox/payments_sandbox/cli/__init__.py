"""The command line: each module in `commands` parses options, calls the code and prints."""

from payments_sandbox.cli.main import main

__all__ = ["main"]
