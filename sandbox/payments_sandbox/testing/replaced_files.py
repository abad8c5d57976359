"""Owns that a server in the process of tests needs no file later: a test may take them away.

pyfakefs does, and forgets every module that was imported meanwhile: the next import makes another
one, whose classes are not those that are in use. PyYAML reads nothing after that.
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
"""Those whose modules a server, or what follows a test, imports when they are first needed."""


def need_no_files() -> None:
    """Read all data that a server needs, and import all of it where pyfakefs is in use.

    Raises:
        FileNotFoundError: the file system has been taken away already, or the data was not shipped.
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
