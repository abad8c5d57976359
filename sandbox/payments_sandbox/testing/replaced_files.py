"""Owns that a server in a test process needs no files later, since a test may replace them.

pyfakefs replaces the file system and forgets every module that is imported meanwhile: the next
import makes a second copy, whose classes differ from those in use, and PyYAML fails after that.
"""

import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Final

from payments_sandbox.core.resources import read_all_data

_PACKAGES: Final = (
    *("client", "contract", "rules", "webhooks", "world", "verification", "api", "scenarios"),
    *("server", "testing", "exploration"),
)
"""Packages whose modules are imported lazily, by a server or at the end of a test."""


def need_no_files() -> None:
    """Read all data files that a server needs, and import all modules if pyfakefs is in use.

    Raises:
        FileNotFoundError: the file system is replaced already, or the package has no data files.
    """
    read_all_data()
    if "pyfakefs" in sys.modules:
        _import_all()


@cache
def _import_all() -> None:
    root = __name__.partition(".")[0]
    for name in _PACKAGES:
        package = import_module(f"{root}.{name}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            with suppress(ImportError):  # it needs an extra that is not installed
                import_module(module.name)
