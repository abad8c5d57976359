"""Runs the hostile requests again on aiohttp's pure-Python parser."""

import os
import subprocess
import sys
from typing import Final

from tests.project.tree import ROOT

TABLES: Final = (
    "test_hostile_bodies",
    "test_raw_sockets",
    "test_slow_bodies",
    "test_trailers",
    "faults/test_reads",
    "faults/test_waits",
)


def test_the_hostile_request_tests_pass_with_aiohttps_pure_python_parser() -> None:
    """Some users run it, and most request-smuggling bugs were in it."""
    again = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"),
            *("-p", "no:pytest_randomly"),  # its imports take as long as these tables
            *(f"tests/server/{module}.py" for module in TABLES),
        ],
        cwd=ROOT,
        env=os.environ | {"AIOHTTP_NO_EXTENSIONS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert again.returncode == 0, again.stdout[-5_000:]
