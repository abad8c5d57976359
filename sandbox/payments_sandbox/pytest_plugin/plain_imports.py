"""Owns the import of the package's own modules in a pytest session, without assertion rewriting.

pytest rewrites the assertions of all modules of a distribution that has a plugin. Our server
imports some modules only on first use, in several threads. But rewriting calls `ast.parse`, which
fails at random in Python before 3.13 if two threads call it at once.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

_OURS = f"{__name__.partition('.')[0]}."


class PlainImports:
    """Finds our modules on the usual path, before pytest's own finder does."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of our modules as the import system does; leave others to other finders."""
        return PathFinder.find_spec(name, path, target) if name.startswith(_OURS) else None

    def pytest_unconfigure(self) -> None:
        """Remove the finder."""
        sys.meta_path.remove(self)


def import_plainly(config: pytest.Config) -> None:
    """Import our modules without rewriting until the session ends."""
    finder = PlainImports()
    sys.meta_path.insert(0, finder)
    config.pluginmanager.register(finder)
