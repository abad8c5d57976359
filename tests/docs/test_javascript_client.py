"""clients/js: its own tests, its example, and the contents of its npm package."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.project.blocks import read_blocks
from tests.project.tree import ROOT
from tests.support.process import environment

CLIENT: Final = ROOT / "clients" / "js"
PATIENCE: Final = 100
"""Seconds that the package's own tests may take."""

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="there are no node and npm")


def variables() -> dict[str, str]:
    """Return the environment with the installed command on the PATH."""
    return environment()


def outcome(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command until it exits."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=variables(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_tests_of_the_javascript_client_pass() -> None:
    """They need no installed packages."""
    done = outcome("npm", "test", cwd=CLIENT)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_in_the_readme_passes(tmp_path: Path) -> None:
    """It is run unchanged, with the package installed."""
    [block] = [each for each in read_blocks(CLIENT / "README.md") if each.language == "js"]
    package = tmp_path / "node_modules" / "@payments-sandbox" / "client"
    shutil.copytree(CLIENT, package)
    (tmp_path / "declined.test.js").write_text(block.code, encoding="utf-8")
    done = outcome("node", "--test", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 1\n" in done.stdout


def test_the_npm_package_contains_only_the_client() -> None:
    """It has no tests and no other installed files."""
    done = outcome("npm", "pack", "--dry-run", "--json", "--silent", cwd=CLIENT)
    [packed] = json.loads(done.stdout)

    assert sorted(each["path"] for each in packed["files"]) == [
        *("README.md", "control.d.ts", "control.js", "index.d.ts", "index.js"),
        *("package.json", "transport.d.ts", "transport.js"),
    ]


def test_the_hand_written_client_is_short_and_has_no_dependencies() -> None:
    """It has at most three hundred lines; the rest is generated."""
    written = [path for path in CLIENT.glob("*.*s") if not path.name.startswith("control.")]
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))

    assert len(written) == 4
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in written) <= 300
    assert not [key for key in package if key.endswith("ependencies")]
