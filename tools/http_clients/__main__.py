"""Prints two tables of the clients that are installed: `python -m tools.http_clients [NAME…]`.

They are the tables of docs/wire-faults.md and docs/how-to/your-http-library-pays-twice.md. With
`--tls`, everything is measured under TLS.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from payments_sandbox.client.environment import trust_variables
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.testing import RunningSandbox, Sandbox, running_sandbox
from tools.chromium import find_chromium, start_chromium
from tools.faults import spelling

HERE: Final = Path(__file__).parent
BODY: Final = json.dumps(
    {
        "amount": 2500,
        "currency": "USD",
        "payment_method": {
            "type": "card",
            "card_number": "4111111111111111",
            "exp_month": 12,
            "exp_year": 2099,
            "cvc": "123",
        },
        "customer_id": "ada",
    }
)
SUCCESS: Final = re.compile(r"(exit 0, )?201|completed")
TLS: Final = "--tls"
LOST: Final = ("drop", {"commit": True, "how": "close"})
PATIENCE: Final = 60
"""Seconds that one program may take."""

Send = Callable[[str, Sandbox], str]
"""Creates a payment in a world, `warm` or `cold`; returns what its user sees."""


class Client(NamedTuple):
    """One client, and how to run it.

    Attributes:
        name: in both tables.
        program: the program that must be installed.
        command: with `{here}` for the folder of the programs, and `{made}` for compiled ones.
        prepare: a command to run before all others.
        finds: a command that succeeds if a library that the program needs is installed, too.
    """

    name: str
    program: str
    command: Sequence[str]
    prepare: Sequence[str] = ()
    finds: Sequence[str] = ()

    @property
    def is_here(self) -> bool:
        """Whether the client can be run."""
        if shutil.which(self.program) is None or not self.finds:
            return shutil.which(self.program) is not None
        return subprocess.run(self.finds, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own


COMPILED: Final = ("javac", "-d", "{made}", "{here}/Client.java")
CLIENTS: Final = (
    Client("curl", "curl", ["sh", "{here}/client.sh"]),
    Client("PHP curl", "php", ["php", "{here}/client.php"]),
    Client(
        "Java HttpURLConnection",
        "javac",
        ["java", "-cp", "{made}", "Client", "HttpURLConnection"],
        COMPILED,
    ),
    Client(
        "java.net.http", "javac", ["java", "-cp", "{made}", "Client", "java.net.http"], COMPILED
    ),
    Client(
        "Go net/http",
        "go",
        ["{made}/client"],
        ["go", "build", "-o", "{made}/client", "{here}/client.go"],
    ),
    Client("Ruby net/http", "ruby", ["ruby", "{here}/client.rb"]),
    Client("Node fetch", "node", ["node", "{here}/client.mjs"]),
    Client("axios", "node", ["node", "{here}/axios.cjs"], finds=["node", "-e", "require('axios')"]),
)
CHROMIUM: Final = "Chromium fetch"
FETCH: Final = """
async ([how, url, key, body]) => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  try {
    if (how === 'warm') await (await fetch(url, { headers })).text()
    const signal = AbortSignal.timeout(2000)
    const reply = await fetch(url, { method: 'POST', headers, body, signal })
    return reply.ok ? (await reply.json()).status : `status ${reply.status}`
  } catch (error) {
    return error.name
  }
}
"""


def main() -> None:
    """Run each client that was named and is installed, and print which ones are not."""
    given = [each for each in sys.argv[1:] if each != TLS]
    names = given or [*(each.name for each in CLIENTS), CHROMIUM]
    tls = "auto" if TLS in sys.argv else None
    with running_sandbox(tls=tls) as server, prepared(names, server) as found:
        os.environ.update(_trust(server))
        _print_warm(server, found)
        print()
        _print_faults(server, found)
        for name in names:
            if name not in found:
                print(f"not here: {name}")


def _trust(server: RunningSandbox) -> dict[str, str]:
    """The variables that make programs trust the server's authority, if it has one."""
    if server.ca_file is None:
        return {}
    return trust_variables(str(server.ca_file), str(server.ca_bundle))


@contextmanager
def prepared(names: Sequence[str], server: RunningSandbox) -> Iterator[Mapping[str, Send]]:
    """Prepare the named clients that are installed to send to a server, until the block ends."""
    with contextlib.ExitStack() as stack:
        made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        here = [each for each in CLIENTS if each.name in names and each.is_here]
        for prepare in {tuple(each.prepare) for each in here if each.prepare}:
            subprocess.run(_written(prepare, made), check=True)  # noqa: S603 - our own
        found = {each.name: _runner(_written(each.command, made)) for each in here}
        if CHROMIUM in names and find_chromium() is not None:
            found[CHROMIUM] = stack.enter_context(_chromium(server))
        yield found


@contextmanager
def _chromium(server: RunningSandbox) -> Iterator[Send]:
    """Open a page from the server itself, so that the browser lets it call the API."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - rarely installed

    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        page = browser.new_page(ignore_https_errors=True)  # it ignores the trust variables
        page.goto(f"{server.sandbox_url}/live")

        def send(how: str, world: Sandbox) -> str:
            given = [how, f"{world.base_url}/payments", world.api_key, BODY]
            return str(page.evaluate(FETCH, given))

        yield send
        browser.close()


def _written(command: Sequence[str], made: Path) -> list[str]:
    return [part.format(here=HERE, made=made) for part in command]


def _runner(command: Sequence[str]) -> Send:
    def send(how: str, world: Sandbox) -> str:
        given = [how, f"{world.base_url}/payments", world.api_key, BODY]
        done = subprocess.run(  # noqa: S603 - our own programs
            [*command, *given], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        return done.stdout.strip()

    return send


def sent(server: RunningSandbox, send: Send, how: str, step: dict[str, Any]) -> tuple[str, int]:
    """Make a create meet a step; return what its user saw, and how many payments there are."""
    with server.new_world() as world:
        rule = {"request": "create_payment", "do": [step]}
        world.use({"scenario": "measured", "rules": [rule]})
        said = send(how, world)
        return said, len(world.payments)


def _print_warm(server: RunningSandbox, clients: Mapping[str, Send]) -> None:
    print("| client | its program sees | payments |")
    print("|---|---|---|")
    for name, send in clients.items():
        said, payments = sent(server, send, "warm", dict([LOST]))
        print(f"| {name} | {said} | {payments} |")


def _print_faults(server: RunningSandbox, clients: Mapping[str, Send]) -> None:
    print(f"| step | {' | '.join(clients)} |")
    print("|---|" + "---|" * len(clients))
    for fault in FAULTS:
        for example in fault.EXAMPLES:
            commit = {"commit": True} if fault.needs_commit else {}
            step = {fault.name: {**example.plain, **commit}}
            said = [sent(server, send, "cold", step)[0] for send in clients.values()]
            is_lost = example.httpx.strip("*") != "completed"
            cells = [f"**{each}**" if is_lost and SUCCESS.match(each) else each for each in said]
            print(f"| `{spelling(fault, example)}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
