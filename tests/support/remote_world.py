"""Owns a world of a server in another process, and commands about it as docs/cli.md shows them."""

import json
import re
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.bodies import documented_create
from tests.support.command import Running, run, running
from tests.support.wire import WireReply, exchange, request


@dataclass(frozen=True, slots=True)
class RemoteWorld:
    """One world, by its server's address and its key."""

    address: str
    key: str

    def ask(self, method: str, path: str, body: object = None) -> WireReply:
        """One request with its key."""
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}"}
        return exchange(self.address, request(method, path, headers, raw))

    def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """What the control API answers."""
        reply = self.ask(method, f"/_sandbox{path}", body)
        assert reply.status < 300, reply
        return reply.json if reply.body else None

    def pay(self, **changes: object) -> WireReply:
        """The documented create, with changes to its body."""
        return self.ask("POST", "/v3/payments", documented_create(**changes))

    @property
    def variables(self) -> dict[str, str]:
        """The environment that names it to a command."""
        return {"PAYMENTS_SANDBOX_URL": self.address, "PAYMENTS_SANDBOX_API_KEY": self.key}

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command about it that ends by itself."""
        return run(*arguments, extra=self.variables, given=given)

    def running(self, *arguments: str, **extra: str) -> AbstractContextManager[Running]:
        """A command about it that goes on; `extra` goes into its environment."""
        return running(*arguments, extra=self.variables | extra)


def new_world(address: str, **wishes: object) -> RemoteWorld:
    """A world whose clock stands still, unless it is wished otherwise."""
    wanted = json.dumps({"clock": "2030-01-15T10:30:00Z", **wishes}).encode()
    made = exchange(address, request("POST", "/_sandbox/worlds", body=wanted)).json
    return RemoteWorld(address, made["api_key"])


def masked(text: str) -> str:
    """A text without what differs from run to run: ids, milliseconds, addresses."""
    text = re.sub(r"\b(pay|ref|chb|evt|dlv|we|req)_\w+", r"\1_…", text)
    text = re.sub(r"\b[0-9]+\.[0-9] ms", "N ms", text)
    return re.sub(r"\bhttp://(127\.0\.0\.1|localhost):[0-9]+", "http://HOST", text)


def example(heading: str) -> list[str]:
    """The lines of the example below a heading of docs/cli.md, masked."""
    found = below(heading, read_blocks(ROOT / "docs" / "cli.md"))
    (block,) = [block for block in found if block.language == "console"]
    return masked(block.code).splitlines()
