"""Lets `python -m payments_sandbox` be `payments-sandbox`."""

import sys

from payments_sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
