"""Owns the section on peers: creates of other stand-ins that run locally, compared with ours.

Each peer is installed by its own package manager, as its users do it, and gets requests for its
equivalent of CREATE PAYMENT over HTTP. A peer that cannot be installed is named below the table,
and the others are measured.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlencode

from benchmarks.load import Client, Load, measure
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_least, ratio
from benchmarks.servers import Loop, Server, listening, running, sandbox_command
from benchmarks.traffic import VARIETY, create, create_body, raw
from payments_sandbox.contract.openapi import document
from payments_sandbox.contract.schema_files import schema_files

TARGET: Final = at_least(2.5)
_WARM_UP: Final = 3
"""Seconds that are not counted: a just-in-time compiler needs them."""


class PeerMissingError(Exception):
    """A peer cannot be measured here; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One stand-in.

    Attributes:
        name: of the project.
        install: installs it into a folder, unless it is there.
        command: the command that starts it from that folder, on a port.
        requests: the requests that it gets.
        about: those requests in a few words.
        slows_down: whether its stored data makes it slower, so that each turn needs a new start.
    """

    name: str
    install: Callable[[Path], None]
    command: Callable[[Path, int], Sequence[str]]
    requests: Sequence[bytes]
    about: str
    slows_down: bool


def measure_peers(plan: Plan, cores: Cores, client: Client) -> Table:
    """Measure each peer that can be installed."""
    rows: list[Row] = []
    notes = [f"{peer.name} is asked for {peer.about}." for peer in PEERS]
    with _folder(plan.peers) as folder:
        for peer in PEERS:
            try:
                rows.append(_beside(peer, folder / peer.name, plan, cores, client))
            except (PeerMissingError, RuntimeError, OSError) as error:
                notes.append(f"{peer.name} is left out: {error}")
    return Table("Creates per second, ours to a peer", rows, notes)


def _beside(peer: Peer, folder: Path, plan: Plan, cores: Cores, client: Client) -> Row:
    folder.mkdir(exist_ok=True)
    peer.install(folder)
    creates = tuple(create(f"buyer_{nth:03}") for nth in range(VARIETY))
    ours: list[Load] = []
    theirs: list[Load] = []
    with running(sandbox_command(Loop.ASYNCIO), cores) as server, contextlib.ExitStack() as stack:
        client(server.port, creates, _WARM_UP)
        other = None
        for _ in range(plan.rounds):
            ours.append(measure(client, server, creates, plan.seconds))
            if other is None or peer.slows_down:
                stack.close()
                other = stack.enter_context(_started(peer, folder, cores, client))
            theirs.append(measure(client, other, peer.requests, plan.seconds))
    return _row(peer, ours, theirs)


@contextlib.contextmanager
def _started(peer: Peer, folder: Path, cores: Cores, client: Client) -> Iterator[Server]:
    """Run a peer at its best: warmed up, unless it is fastest right after its start."""
    port = _free_port()
    with listening(peer.command(folder, port), port, cores) as server:
        if not peer.slows_down:
            client(port, peer.requests, _WARM_UP)
        yield server


def _row(peer: Peer, ours: Sequence[Load], theirs: Sequence[Load]) -> Row:
    if not all(load.requests for load in theirs):
        raise PeerMissingError("it answered nothing in one of its turns.")
    mine, other = ([load.rate for load in loads] for loads in (ours, theirs))
    return ratio(f"create, beside {peer.name}", mine, other, "/s", TARGET)


def _install_localstripe(folder: Path) -> None:
    if not _script(folder).exists():
        _done([sys.executable, "-m", "venv", str(folder)])
        _done([str(folder / "bin" / "pip"), "install", "--quiet", "localstripe"])


def _script(folder: Path) -> Path:
    return folder / "bin" / "localstripe"


def _install_prism(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PeerMissingError("there is no npm.")
    if not _prism(folder).exists():
        package = "@stoplight/prism-cli"
        _done([npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), package])


def _prism(folder: Path) -> Path:
    return folder / "node_modules" / ".bin" / "prism"


def _prism_command(folder: Path, port: int) -> Sequence[str]:
    """Let Prism mock the document that we publish."""
    file = folder / "openapi.json"
    api = document(schema_files(), server_url=f"http://127.0.0.1:{port}/v3")
    file.write_text(json.dumps(api), encoding="utf-8")
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [str(_prism(folder)), "mock", *address, "--verboseLevel", "silent", str(file)]


def _done(command: Sequence[str]) -> None:
    """Run an installer.

    Raises:
        PeerMissingError: it failed.
    """
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise PeerMissingError(f"{Path(command[0]).name} could not install it.")


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder where peers are kept between runs, or one for this run only."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_CHARGE: Final = urlencode(
    {"amount": 2_500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
).encode()

PEERS: Final = (
    Peer(
        name="localstripe",
        install=_install_localstripe,
        command=lambda folder, port: [str(_script(folder)), "--port", str(port), "--from-scratch"],
        requests=[
            raw(
                "POST",
                "/v1/payment_intents",
                _CHARGE,
                content_type="application/x-www-form-urlencoded",
            )
        ],
        about="a payment intent that is confirmed at once",
        slows_down=True,
    ),
    Peer(
        name="prism",
        install=_install_prism,
        command=_prism_command,
        requests=[
            raw("POST", "/payments", create_body(f"buyer_{nth:03}")) for nth in range(VARIETY)
        ],
        about="the same creates; it mocks our OpenAPI document and keeps nothing",
        slows_down=False,
    ),
)
