"""The script of action.yml on a simulated runner, with a replacement for venv."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import payments_sandbox
from tests.project.tree import ROOT
from tests.support.process import environment
from tests.support.sockets import exchange, raw_request
from tests.support.values import LONGEST_WAIT

SCRIPT: Final = ROOT / "tools" / "start_in_action.py"
VENV: Final = f"""
'''Replaces the module `venv`: it records what the environment installs.'''

def create(home, *, symlinks, with_pip):
    assert symlinks and with_pip
    (home / "bin").mkdir(parents=True)
    for name, line in (
        ("python", f'echo "$@" > "{{home}}/installed"'),
        ("payments-sandbox", 'exec {sys.executable} -m payments_sandbox "$@"'),
    ):
        path = home / "bin" / name
        path.write_text("#!/bin/sh\\n" + line)
        path.chmod(0o755)
"""


class Runner:
    """The files that a GitHub runner gives to an action."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "temp" / "payments-sandbox"
        self._folder = folder
        (folder / "temp").mkdir()
        (folder / "modules").mkdir()
        (folder / "modules" / "venv.py").write_text(VENV)

    def start(self, version: str = "", options: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script with these inputs."""
        files = {
            name: str(self._folder / name)
            for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")
        }
        extra = files | {
            "PYTHONPATH": str(self._folder / "modules"),
            "RUNNER_TEMP": str(self._folder / "temp"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "SANDBOX_VERSION": version,
            "SANDBOX_OPTIONS": options,
        }
        return subprocess.run(
            [sys.executable, SCRIPT],
            env=environment(**extra),
            capture_output=True,
            text=True,
            timeout=LONGEST_WAIT,
            check=False,
        )

    def told(self, name: str) -> dict[str, str]:
        """Return what was written to a file of the runner."""
        lines = (self._folder / name).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def stop(self) -> None:
        """Stop the server, if there is one."""
        if (ready := self.home / "ready.json").exists():
            os.kill(json.loads(ready.read_text())["pid"], signal.SIGTERM)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return a runner, and stop its server after the test."""
    runner = Runner(tmp_path)
    yield runner
    runner.stop()


def test_later_steps_get_the_addresses_of_a_server_that_keeps_running(runner: Runner) -> None:
    """The server has the given options."""
    done = runner.start(options="--clock '2030-01-15T09:00:00Z' --seed 7")
    variables = runner.told("GITHUB_ENV")
    address = variables["PAYMENTS_BASE_URL"].removesuffix("/v3")
    facts = {
        "base_url": f"{address}/v3",
        "sandbox_url": f"{address}/_sandbox",
        "api_key": "sk_test_sandbox",
        "webhook_secret": "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE=",
    }

    assert (done.returncode, done.stderr) == (0, "")
    assert runner.told("GITHUB_OUTPUT") == facts
    assert variables == {
        "PAYMENTS_BASE_URL": facts["base_url"],
        "PAYMENTS_SANDBOX_URL": facts["sandbox_url"],
        "PAYMENTS_API_KEY": facts["api_key"],
        "PAYMENTS_WEBHOOK_SECRET": facts["webhook_secret"],
    }
    clock = exchange(address, raw_request("GET", "/_sandbox/clock")).json
    assert (clock["now"], clock["mode"]) == ("2030-01-15T09:00:00Z", "frozen")


def test_later_steps_have_only_the_payments_sandbox_command_on_the_path(
    runner: Runner, tmp_path: Path
) -> None:
    """The environment's Python must not replace that of the job."""
    runner.start()
    folder = Path((tmp_path / "GITHUB_PATH").read_text().strip())
    (command,) = folder.iterdir()
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == f"payments-sandbox {payments_sandbox.__version__}\n"


@pytest.mark.parametrize(
    ("version", "installed"), [("", str(ROOT)), ("0.1.0", "payments-sandbox==0.1.0")]
)
def test_the_action_installs_its_own_version_or_a_given_one(
    runner: Runner, version: str, installed: str
) -> None:
    runner.start(version)
    assert (runner.home / "venv" / "installed").read_text().split()[-1] == installed


def test_a_server_that_does_not_start_fails_the_step_with_an_annotation(runner: Runner) -> None:
    """The annotation contains the server's error."""
    done = runner.start(options="--scenario lost-replly")
    wanted = "::error title=payments-sandbox does not start::payments-sandbox: --scenario: "

    assert done.returncode == 1
    assert done.stdout.startswith(wanted)
    assert "lost-reply" in done.stdout
