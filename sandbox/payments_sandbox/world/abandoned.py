"""Owns what the journal has as the fault of a call whose client has left."""

from typing import Final

ABANDONED: Final = "abandoned"
"""In the place of a fault: a reply that was held, and that nobody waited for any more."""
