"""Fixtures of the client's tests: one server for all of them, one world for each."""

from tests.support.worlds import server, world

__all__ = ["server", "world"]
