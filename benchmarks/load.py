"""Owns the load: `wrk` if it is installed, otherwise our own client."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.machine import cpu_seconds
from benchmarks.plan import CONNECTIONS, Plan
from benchmarks.servers import Server
from benchmarks.wire_client import drive


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one turn under load; `cpu` is the server's, or None if it is unknown."""

    requests: int
    seconds: float
    p99_ms: float
    cpu: float | None = None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


Client = Callable[[int, Sequence[bytes], int], Load]
"""Sends requests in rotation to a port for a number of seconds."""

_SCRIPT: Final = """\
local requests = { %s }
local nth = 0
function request()
   nth = nth %% #requests + 1
   return requests[nth]
end
function done(summary, latency)
   local failed = 0
   for _, count in pairs(summary.errors) do failed = failed + count end
   io.write(string.format("\\nCOUNTED %%d %%d %%d %%d\\n",
      summary.requests, summary.duration, latency:percentile(99), failed))
end
"""


def find_client(name: str | None) -> tuple[str, Client]:
    """The client of a name, `wrk` or `own`; by default the better one that is installed."""
    wanted = name or ("wrk" if which("wrk") else "own")
    return wanted, {"wrk": _by_wrk, "own": _by_ourselves}[wanted]


def measure(client: Client, server: Server, requests: Sequence[bytes], seconds: int) -> Load:
    """Measure one turn of a server, with the CPU that it used."""
    before = cpu_seconds(server.pid)
    load = client(server.port, requests, seconds)
    after = cpu_seconds(server.pid)
    cpu = None if before is None or after is None else after - before
    return Load(load.requests, load.seconds, load.p99_ms, cpu)


def in_turns(
    client: Client, servers: Sequence[tuple[Server, Sequence[bytes]]], plan: Plan
) -> list[list[Load]]:
    """Measure the servers in turns; return the loads of each, round by round.

    Before the first round, each server gets a second of load that is not counted.
    """
    for server, requests in servers:
        client(server.port, requests, 1)
    rounds = [
        [measure(client, server, requests, plan.seconds) for server, requests in servers]
        for _ in range(plan.rounds)
    ]
    return [list(loads) for loads in zip(*rounds, strict=True)]


def _by_wrk(port: int, requests: Sequence[bytes], seconds: int) -> Load:
    with TemporaryDirectory() as folder:
        script = Path(folder) / "requests.lua"
        script.write_text(_SCRIPT % ",\n".join(map(_quoted, requests)), encoding="ascii")
        wrk = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s"]
        shown = subprocess.run(
            [*wrk, f"--script={script}", f"http://127.0.0.1:{port}/"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    counted = shown.partition("COUNTED ")[2].split()
    done, microseconds, p99, failed = map(int, counted)
    if failed:
        raise RuntimeError(f"{failed} requests failed, or the server is gone.\n{shown}")
    return Load(done, microseconds / 1e6, p99 / 1e3)


def _by_ourselves(port: int, requests: Sequence[bytes], seconds: int) -> Load:
    latencies, took = drive(port, requests, connections=CONNECTIONS, seconds=seconds)
    latencies.sort()
    return Load(len(latencies), took, latencies[len(latencies) * 99 // 100] * 1e3)


def _quoted(request: bytes) -> str:
    """A request as a Lua string."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03}" for byte in request
    )
    return f'"{escaped}"'
