"""Owns the section on exploring: how many runs per minute there are, by command and in process."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.explored_shops import explored_shops
from benchmarks.explored_tests import explored_tests
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_least
from benchmarks.servers import users_environment

COMMAND: Final = at_least(100)

CLIENT: Final = """
import http.client, os, time
from urllib.parse import urlsplit
base = urlsplit(os.environ["PAYMENTS_BASE_URL"])
time.sleep(0.15)  # with its start it takes 200 ms
api = http.client.HTTPConnection(base.hostname, base.port)
try:
    api.request("GET", base.path + "/payments",
                headers={"Authorization": "Bearer " + os.environ["PAYMENTS_API_KEY"]})
    api.getresponse().read()
except (OSError, http.client.HTTPException):
    pass
"""
"""A client that reads the list, and reports success whatever happens."""

FAULTS: Final = "drop,truncate,malform,errors"


def measure_explored(plan: Plan) -> Table:
    """Measure runs per minute."""
    return Table(
        "Exploring",
        [
            Row(
                "a command of 200 ms",
                [_of_command() for _ in range(plan.rounds)],
                "runs/min",
                COMMAND,
            ),
            explored_tests(plan),
            explored_shops(plan),
        ],
    )


def _of_command() -> float:
    with tempfile.TemporaryDirectory() as folder:
        client = Path(folder) / "client.py"
        client.write_text(CLIENT, encoding="utf-8")
        python = shutil.which("python3") or sys.executable
        words = ["explore", "--faults", FAULTS, "--", python, "-S", str(client)]
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "payments_sandbox", *words],
            env=users_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    found = done.stdout.split(" in ", 1)[1]
    return (int(found.split()[0]) + 2) / (perf_counter() - started) * 60
