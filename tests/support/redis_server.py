"""Owns a Redis for tests on a private socket; tests are skipped if it is not installed."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PROGRAM: Final = next(filter(None, map(shutil.which, ("redis-server", "valkey-server"))), None)

needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")
"""Marks tests that need an engine."""


class RedisServer:
    """A Redis in its own process, which stores nothing on disk.

    Attributes:
        url: the URL of its socket.
        process: its process.
    """

    def __init__(self, folder: Path) -> None:
        socket = folder / "engine.sock"
        self.url = f"unix://{socket}"
        self._command = (
            str(PROGRAM), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder),
            "--save", "", "--appendonly", "no",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it empty, and wait until it is ready."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "eady to accept connections" in line:
                return
        raise AssertionError("redis-server does not start")

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def running_redis() -> Iterator[RedisServer]:
    """Run a Redis until the block ends."""
    if PROGRAM is None:
        pytest.skip("redis-server is not installed")
    # Not pytest's folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()
