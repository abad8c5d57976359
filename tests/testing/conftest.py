"""Fixtures for tests of `testing`: one server for all, and a world for each test."""

from tests.support.worlds import server, world

__all__ = ["server", "world"]
