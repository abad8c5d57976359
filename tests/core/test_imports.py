"""What happens when modules are imported: nothing that anybody sees."""

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


def test_every_module_is_imported_in_silence() -> None:
    """All of them by one interpreter, which coverage measures: nowhere else are imports."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("1 True\n", "")
