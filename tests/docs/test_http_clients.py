"""The table of HTTP libraries that pay twice, measured again with the installed ones."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from payments_sandbox.testing import RunningSandbox, running_sandbox
from tests.project.tree import ROOT
from tools.http_clients.__main__ import CHROMIUM, CLIENTS, LOST, Send, prepared, sent

PAGE: Final = ROOT / "docs" / "how-to" / "your-http-library-pays-twice.md"
ROWS: Final = {
    name: (said, int(payments))
    for name, said, payments in re.findall(
        r"^\| (.+) \| (.+) \| (\d) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
}
NAMES: Final = [*(client.name for client in CLIENTS), CHROMIUM]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    """Return a server for all clients."""
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def clients(server: RunningSandbox) -> Iterator[Mapping[str, Send]]:
    """Return the installed clients, compiled once."""
    with prepared(NAMES, server) as found:
        yield found


@pytest.mark.parametrize("name", NAMES)
def test_a_client_sends_as_many_payments_as_the_page_says(
    server: RunningSandbox, clients: Mapping[str, Send], name: str
) -> None:
    """Each client sends one payment on a used connection, and the reply is lost."""
    if name not in clients:
        pytest.skip(f"there is no {name}")

    assert sent(server, clients[name], "warm", dict([LOST])) == ROWS[name]


def test_the_page_lists_exactly_these_clients() -> None:
    assert list(ROWS) == NAMES
