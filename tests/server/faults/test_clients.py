"""What four clients make of every fault: exactly what docs/wire-faults.md says."""

from collections.abc import Iterator
from typing import Final

import pytest

from payments_sandbox.core.settings import Settings
from tests.project.tables import rows_below
from tests.project.tree import ROOT
from tests.support.faulty import IMPATIENCE, SPELLINGS, card_of, fault_of, faulty_cards, lasts
from tests.support.four_clients import CLIENTS, told
from tests.support.serving import Serving, serving
from tests.support.shop import PATIENCE, Shop

PAGE: Final = ROOT / "docs" / "wire-faults.md"
TABLE: Final = rows_below("What clients make of it", PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    """A server that would hold a reply for a minute."""
    with serving(Settings(port=0, max_wall_delay=60_000), rules=faulty_cards()) as server:
        yield server


def test_the_page_has_every_fault_and_every_client() -> None:
    """A row for each, in the order of the sections, and no other."""
    assert [row["step"].strip("`") for row in TABLE] == list(SPELLINGS)
    assert [list(row) for row in TABLE] == [["step", *CLIENTS]] * len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["step"].strip("`"))
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_told_what_the_page_says(
    server: Serving, client: str, row: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The payment is made behind its back; the next one is answered; the log is calm."""
    step = row["step"].strip("`")
    patience = IMPATIENCE if lasts(fault_of(step)) > IMPATIENCE else PATIENCE
    with Shop(server) as shop:
        was_told = told(CLIENTS[client], shop, card_of(step), patience)
        assert was_told == row[client].strip("`*")
        assert (shop.counts(), shop.events()) == ({"completed": 1}, ["payment.completed"])
        assert told(CLIENTS[client], shop, "4111111111111111", PATIENCE) == "completed"
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []
