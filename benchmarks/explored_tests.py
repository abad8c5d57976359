"""Owns the row on explored tests: how many runs there are per minute, without a socket."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.plan import Plan
from benchmarks.report import Row, at_least
from benchmarks.servers import users_environment

MARK: Final = at_least(2_000)
TESTS: Final = 10
"""Tests per round, each of which is explored."""

CONFTEST: Final = """
import httpx
import pytest
from payments_sandbox.testing import MemorySandbox, SandboxTransport

@pytest.fixture(scope="session")
def sandbox_server():
    with MemorySandbox() as server:
        yield server

@pytest.fixture
def runs(request):
    if not hasattr(request.config, "runs"):
        request.config.runs = 0
    request.config.runs += 1

@pytest.fixture
def api(sandbox, sandbox_server, runs):
    with httpx.Client(transport=SandboxTransport(sandbox_server), base_url=sandbox.base_url,
                      headers=sandbox.headers) as api:
        yield api

def pytest_unconfigure(config):
    print("runs:", config.runs)
"""

SUITE: Final = """
import httpx
import pytest

CARD = {"type": "card", "card_number": "4111111111111111", "exp_month": 12, "exp_year": 2099,
        "cvc": "123"}
ORDER = {"amount": 4200, "currency": "USD", "customer_id": "cust_ada", "payment_method": CARD}

@pytest.mark.parametrize("number", range(TESTS))
@pytest.mark.sandbox_explore(depth=2)
def test_pays(api, number):
    for _ in range(4):
        try:
            if api.get("/payments", params={"customer_id": "cust_ada"}).json()["data"]:
                return
            reply = api.post("/payments", json=ORDER)
            if reply.status_code < 500:
                assert reply.json().get("status") == "completed"
                return
        except (httpx.HTTPError, KeyError, ValueError):
            pass
    raise AssertionError("nobody knows")
"""


def explored_tests(plan: Plan) -> Row:
    """Runs per minute; the figure is the median of its rounds."""
    rounds = [_round() for _ in range(plan.rounds)]
    return Row("tests with httpx and no socket, their process included", rounds, "runs/min", MARK)


def _round() -> float:
    with TemporaryDirectory() as folder:
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        (Path(folder) / "test_pays.py").write_text(SUITE.replace("TESTS", str(TESTS)))
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "payments-sandbox", folder],
            capture_output=True, text=True, check=False, cwd=folder,
            env=users_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        seconds = perf_counter() - started
    assert "failed" in done.stdout or "passed" in done.stdout, done.stdout
    return int(done.stdout.rpartition("runs:")[2].split()[0]) / seconds * 60
