"""Holds the imports to the layers, and the contracts to their promise of noticing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.project.tree import PACKAGE, ROOT

LINT_IMPORTS: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"
VERDICT: Final = re.compile(r"^(?P<contract>.+) (?P<verdict>KEPT|BROKEN)\b", re.MULTILINE)

# For every contract a module that breaks it, and what it says.
VIOLATIONS: Final = {
    "Layers point downwards": ("core/stray.py", "import payments_sandbox.world"),
    "The core does no I/O, owns no clock and draws no entropy": ("world/stray.py", "import time"),
    "The ledger and its rules do not log": ("core/stray.py", "import logging"),
    "The control API and the wire faults do not know each other": (
        "server/control/stray.py",
        "import payments_sandbox.server.fault_player",
    ),
    "A wire fault waits but reads no clock": ("rules/faults/stray.py", "import datetime"),
    "What belongs to test suites is not needed without one": (
        "client/stray.py",
        "import requests",
    ),
    "The engine of a cluster is behind a port": ("cluster/stray.py", "import redis"),
    "No cycles": (
        "world/stray/__init__.py",
        "import payments_sandbox.world.astray\n",
    ),
}


def test_every_contract_is_kept() -> None:
    """The package imports what its layers allow."""
    verdicts, report = _lint(ROOT)

    assert set(verdicts.values()) == {"KEPT"}, report


def test_every_contract_has_a_violation_to_catch() -> None:
    """A new contract brings the module that breaks it."""
    verdicts, _ = _lint(ROOT)

    assert set(verdicts) == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_violation_is_caught(contract: str, tmp_path: Path) -> None:
    """One stray import breaks the contract that forbids it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "payments_sandbox")
    name, source = VIOLATIONS[contract]
    stray = tmp_path / "payments_sandbox" / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(source, encoding="utf-8")
    if contract == "No cycles":
        stray.parent.with_name("astray.py").write_text("import payments_sandbox.world.stray\n")

    verdicts, report = _lint(tmp_path)

    assert verdicts.get(contract) == "BROKEN", report


def test_a_module_outside_the_layers_is_caught(tmp_path: Path) -> None:
    """A new folder has to be given its place."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "payments_sandbox")
    (tmp_path / "payments_sandbox" / "stray.py").touch()

    verdicts, report = _lint(tmp_path)

    assert verdicts.get("Layers point downwards") == "BROKEN", report


def _lint(folder: Path) -> tuple[dict[str, str], str]:
    """Each contract's verdict on the package in a folder, and the report to show."""
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    report = done.stdout + done.stderr
    return {match["contract"]: match["verdict"] for match in VERDICT.finditer(report)}, report
