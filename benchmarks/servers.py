"""Owns the servers under measurement: how each is started, found and stopped."""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.machine import Cores

HERE: Final = Path(__file__).parent
RATE_LIMIT: Final = 1_000_000_000
"""The limiter counts every request, and rejects none."""

_WITHOUT_UVLOOP: Final = (
    "import sys; sys.modules['uvloop'] = None;"
    " from payments_sandbox.cli import main; sys.exit(main())"
)
_LONGEST_START: Final = 300.0


class Loop(StrEnum):
    """The event loop that a server runs on."""

    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens; `facts` is what it wrote to its ready file."""

    pid: int
    port: int
    facts: Mapping[str, Any]


def loops() -> list[Loop]:
    """The default loop, and uvloop if it is installed."""
    return list(Loop) if importlib.util.find_spec("uvloop") else [Loop.ASYNCIO]


def sandbox_command(loop: Loop) -> list[str]:
    """`payments-sandbox serve` as users start it, with everything on; the ready file comes last."""
    script = which("payments-sandbox", path=str(Path(sys.executable).parent))
    start = [script] if script else [sys.executable, "-m", "payments_sandbox"]
    if loop is Loop.ASYNCIO and Loop.UVLOOP in loops():
        start = [sys.executable, "-c", _WITHOUT_UVLOOP]
    return [*start, "serve", "--port", "0", "--rate-limit", str(RATE_LIMIT), "--ready-file"]


def bare_command(loop: Loop, bodies: Path | None = None) -> list[str]:
    """A bare aiohttp server; with a file of bodies, one that returns these."""
    given = [] if bodies is None else [str(bodies)]
    return [sys.executable, "-P", str(HERE / "bare.py"), loop, *given]


def filled_command(payments: int) -> list[str]:
    """A sandbox that has this many payments before it listens."""
    return [sys.executable, "-m", "benchmarks.filled", str(payments)]


@contextlib.contextmanager
def running(command: Sequence[str], cores: Cores) -> Iterator[Server]:
    """Start a server, wait until it is ready, and stop it after the block.

    Args:
        command: the command line without its last argument, the ready file.
        cores: where it runs.
    """
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ready = Path(folder) / "ready.json"
        with cores.for_servers():
            process = subprocess.Popen(
                [*command, str(ready)],
                cwd=HERE.parent,
                env=users_environment(),
                stdout=subprocess.DEVNULL,
            )
        stack.callback(_stop, process)
        _wait(process, ready.exists)
        facts = json.loads(ready.read_text(encoding="utf-8"))
        port = urlsplit(facts["base_url"]).port
        assert port is not None
        yield Server(process.pid, port, facts)


@contextlib.contextmanager
def listening(command: Sequence[str], port: int, cores: Cores) -> Iterator[Server]:
    """Start somebody else's server, wait until it listens, and stop it after the block."""
    with cores.for_servers():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.ExitStack() as stack:
        stack.callback(_stop, process)
        _wait(process, lambda: _listens(port))
        yield Server(process.pid, port, {})


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def users_environment() -> dict[str, str]:
    """Our environment without options of the sandbox, and with bytecode, as in an installation."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PAYMENTS_SANDBOX_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def _wait(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _LONGEST_START
    while not is_ready():
        if process.poll() is not None or time.perf_counter() > deadline:
            raise RuntimeError(f"{process.args!r} did not become ready.")
        time.sleep(0.0005)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
