"""Runs action.yml's step: installs the sandbox, starts it in the background, and exports its facts.

It runs in any Python that the runner has, before anything is installed, so it uses only the
standard library. SANDBOX_VERSION and SANDBOX_OPTIONS are the action's inputs; the other variables
are the runner's.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import venv
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 300
"""Seconds that the server may take to be ready."""

VARIABLES: Final = {
    "base_url": "PAYMENTS_BASE_URL",
    "sandbox_url": "PAYMENTS_SANDBOX_URL",
    "api_key": "PAYMENTS_API_KEY",
    "webhook_secret": "PAYMENTS_WEBHOOK_SECRET",
    "control_token": "PAYMENTS_SANDBOX_CONTROL_TOKEN",
}
"""The variables for the steps after this one, by their names in the ready file."""

_FOLDER: Final = "Scripts" if sys.platform == "win32" else "bin"
_ENDING: Final = ".exe" if sys.platform == "win32" else ""


def main() -> int:
    """Install and start the sandbox; return the step's exit code."""
    home = Path(os.environ["RUNNER_TEMP"], "payments-sandbox")
    command = install(home)
    facts = start(command, home)
    if facts is None:
        return 1
    tell(facts)
    return 0


def install(home: Path) -> Path:
    """Install it into a virtual environment, and put only its command on the PATH."""
    venv.create(home / "venv", symlinks=sys.platform != "win32", with_pip=True)
    scripts = home / "venv" / _FOLDER
    version = os.environ["SANDBOX_VERSION"]
    wanted = f"payments-sandbox=={version}" if version else os.environ["GITHUB_ACTION_PATH"]
    pip = [str(scripts / f"python{_ENDING}"), "-m", "pip", "install", "--quiet"]
    pip += ["--cache-dir", str(home / "pip")]
    subprocess.run([*pip, wanted], check=True)  # noqa: S603 - the job's own inputs
    command = home / "bin" / f"payments-sandbox{_ENDING}"
    command.parent.mkdir(exist_ok=True)
    shutil.copy(scripts / command.name, command)
    append("GITHUB_PATH", str(command.parent))
    return command


def start(command: Path, home: Path) -> dict[str, Any] | None:
    """Start a server that outlives this step; return its ready file, or None if it failed."""
    ready, log = home / "ready.json", home / "serve.log"
    ready.unlink(missing_ok=True)
    options = shlex.split(os.environ["SANDBOX_OPTIONS"])
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - as above
            [command, "serve", "--port", "0", "--ready-file", ready, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **apart(),
        )
    waited = threading.Event()
    for _ in range(PATIENCE * 20):
        if ready.exists():
            return dict(json.loads(ready.read_text(encoding="utf-8")))
        if server.poll() is not None:
            break
        waited.wait(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")
    last = (said.splitlines() or ["it says nothing"])[-1]
    print(f"::error title=payments-sandbox does not start::{last}")
    print(said, file=sys.stderr)
    return None


def apart() -> dict[str, Any]:
    """Options for a process that outlives this one."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def tell(facts: dict[str, Any]) -> None:
    """Export the facts to the steps after this one, as variables and as outputs."""
    for fact, variable in VARIABLES.items():
        if fact in facts:
            append("GITHUB_ENV", f"{variable}={facts[fact]}")
            append("GITHUB_OUTPUT", f"{fact}={facts[fact]}")


def append(variable: str, line: str) -> None:
    """Append a line to the file that the runner names in a variable."""
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        print(line, file=file)


if __name__ == "__main__":
    sys.exit(main())
