"""Owns that the server's modules are imported as they are, also in a session of pytest.

pytest rewrites the assertions of every module of a distribution that has a plugin. Ours has a
server, which imports what it needs when it is first asked for it, in a thread of its own and in
those beside it; and `ast.parse`, which rewriting begins with, fails at random in Python before 3.13
when two threads call it at once.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

_OURS = f"{__name__.partition('.')[0]}."


class PlainImports:
    """Finds our modules before the finder of pytest does, on the usual path."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As the import system has it."""
        return PathFinder.find_spec(name, path, target) if name.startswith(_OURS) else None

    def pytest_unconfigure(self) -> None:
        """Leave the import system as it was found."""
        sys.meta_path.remove(self)


def import_plainly(config: pytest.Config) -> None:
    """Import our modules as they are for as long as the session lasts."""
    finder = PlainImports()
    sys.meta_path.insert(0, finder)
    config.pluginmanager.register(finder)
