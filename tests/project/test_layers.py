"""Imports follow the layers, and the import contracts notice violations."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.project.tree import PACKAGE, ROOT

LINT_IMPORTS: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"
VERDICT: Final = re.compile(r"^(?P<contract>.+) (?P<verdict>KEPT|BROKEN)\b", re.MULTILINE)

CYCLE: Final = "No cycles"
LAYERS: Final = "Layers point downwards"

# For every contract, a module that breaks it and its code.
VIOLATIONS: Final = {
    LAYERS: ("core.upwards", "import payments_sandbox.world"),
    "The core does no I/O, owns no clock and draws no entropy": ("world.timed", "import time"),
    "The ledger and its rules do not log": ("core.logged", "import logging"),
    "The control API and the wire faults do not know each other": (
        "server.control.knowing",
        "import payments_sandbox.server.fault_player",
    ),
    "A wire fault waits but reads no clock": ("rules.faults.dated", "import datetime"),
    "What belongs to test suites is not needed without one": ("client.needy", "import requests"),
    "The engine of a cluster is behind a port": ("cluster.engine", "import redis"),
    CYCLE: ("world.ahead", "import payments_sandbox.world.astray"),
}


class Linted(NamedTuple):
    """The result of import-linter for a package.

    Attributes:
        verdicts: whether each contract is kept.
        report: the whole output.
    """

    verdicts: dict[str, str]
    report: str

    def against(self, contract: str) -> str:
        """Return the imports that break a contract."""
        _, _, broken = self.report.partition("Broken contracts")
        _, _, behind = broken.partition(f"{contract}\n{'-' * len(contract)}\n")
        return re.split(r"\n\n.+\n-+\n", behind)[0]


@pytest.fixture(scope="module")
def kept() -> Linted:
    """Return the result for the package."""
    return _lint(ROOT)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Linted:
    """Return the result for a copy with all violating modules."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copy(ROOT / "pyproject.toml", folder)
    package = shutil.copytree(PACKAGE, folder / "payments_sandbox")
    strays = dict(VIOLATIONS.values()) | {
        "world.astray": "import payments_sandbox.world.ahead",
        "outside": "",
    }
    for name, source in strays.items():
        stray = package / f"{name.replace('.', '/')}.py"
        assert not stray.exists()
        stray.write_text(source, encoding="utf-8")
    return _lint(folder)


def test_every_import_contract_is_kept(kept: Linted) -> None:
    assert set(kept.verdicts.values()) == {"KEPT"}, kept.report


def test_every_import_contract_has_a_violation_here(kept: Linted) -> None:
    """A new contract needs a module that breaks it."""
    assert set(kept.verdicts) == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_violation_breaks_its_import_contract(broken: Linted, contract: str) -> None:
    stray, _ = VIOLATIONS[contract]

    assert broken.verdicts[contract] == "BROKEN"
    assert stray.rpartition(".")[2] in broken.against(contract), broken.report


def test_a_module_outside_the_layers_is_reported(broken: Linted) -> None:
    """A new package needs a place in the layers."""
    assert "outside" in broken.against(LAYERS), broken.report


def _lint(folder: Path) -> Linted:
    """Run import-linter on the package in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    report = done.stdout + done.stderr
    verdicts = {match["contract"]: match["verdict"] for match in VERDICT.finditer(report)}
    return Linted(verdicts, report)
