"""The table of HTTP libraries that pay twice: measured again with those that are here."""

import re
from typing import Final

import pytest

from payments_sandbox.testing import running_sandbox
from tests.project.tree import ROOT
from tools.http_clients.__main__ import CHROMIUM, CLIENTS, LOST, prepared, sent

PAGE: Final = ROOT / "docs" / "how-to" / "your-http-library-pays-twice.md"
ROWS: Final = {
    name: (said, int(payments))
    for name, said, payments in re.findall(
        r"^\| (.+) \| (.+) \| (\d) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
}
NAMES: Final = [*(client.name for client in CLIENTS), CHROMIUM]


@pytest.mark.parametrize("name", NAMES)
def test_a_client_does_what_the_page_says(name: str) -> None:
    """One payment was asked for, on a connection that had been used, and the reply was lost."""
    with running_sandbox() as server, prepared([name], server) as clients:
        if name not in clients:
            pytest.skip(f"there is no {name}")

        assert sent(server, clients[name], "warm", dict([LOST])) == ROWS[name]


def test_the_page_lists_these_clients() -> None:
    """And no other."""
    assert list(ROWS) == NAMES
