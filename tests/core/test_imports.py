"""Tests that importing modules has no visible effects."""

import subprocess
import sys
from typing import Final

IMPORT_ALL: Final = """
import importlib, pkgutil, threading, payments_sandbox

for module in pkgutil.walk_packages(payments_sandbox.__path__, "payments_sandbox."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(threading.active_count(), len(importlib.sys.modules) > 300)
"""


def test_importing_every_module_prints_nothing_and_starts_no_thread() -> None:
    """All by one interpreter, since only this test measures the coverage of imports."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("1 True\n", "")
