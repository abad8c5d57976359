"""clients/js: what Node's own test runner says of it, and what a package of it has."""

import json
import os
import shutil
import subprocess
import sys
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
    """Our environment, with our command on the PATH."""
    return environment(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def outcome(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=variables(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_its_own_tests_pass() -> None:
    """Without anything that has to be installed."""
    done = outcome("npm", "test", cwd=CLIENT)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_its_page_passes(tmp_path: Path) -> None:
    """As it stands, where the package is installed."""
    [block] = [each for each in read_blocks(CLIENT / "README.md") if each.language == "js"]
    package = tmp_path / "node_modules" / "@payments-sandbox" / "client"
    shutil.copytree(CLIENT, package)
    (tmp_path / "declined.test.js").write_text(block.code, encoding="utf-8")
    done = outcome("node", "--test", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 1\n" in done.stdout


def test_a_package_holds_just_it() -> None:
    """Neither its tests nor what somebody has installed beside it."""
    done = outcome("npm", "pack", "--dry-run", "--json", "--silent", cwd=CLIENT)
    [packed] = json.loads(done.stdout)

    assert sorted(each["path"] for each in packed["files"]) == [
        *("README.md", "control.d.ts", "control.js", "index.d.ts", "index.js"),
        *("package.json", "transport.d.ts", "transport.js"),
    ]


def test_what_is_written_by_hand_is_short() -> None:
    """Three hundred lines; the rest is generated, and there is no dependency."""
    written = [path for path in CLIENT.glob("*.*s") if not path.name.startswith("control.")]
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))

    assert len(written) == 4
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in written) <= 300
    assert not [key for key in package if key.endswith("ependencies")]
