"""The command line: each command parses, calls and prints; its module is in `commands`."""

from payments_sandbox.cli.main import main

__all__ = ["main"]
