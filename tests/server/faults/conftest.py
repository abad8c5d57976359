"""Fixtures of the tests of wire faults: a sandbox with a card for each of them."""

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.sockets import with_card_rules
from tests.support.values import fault_cards


@pytest.fixture
def sandbox(settings: Settings) -> AssembledServer:
    """A sandbox that `api` serves."""
    return with_card_rules(assemble(settings), fault_cards())
