"""Fixtures of the tests of `testing`: one server for all of them, a world for each."""

from tests.support.worlds import server, world

__all__ = ["server", "world"]
