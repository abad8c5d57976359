"""Fixtures of the tests of wire faults: a sandbox where a card brings about each of them."""

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.faulty import faulty_cards
from tests.support.serving import ruled


@pytest.fixture
def sandbox(settings: Settings) -> AssembledServer:
    """A sandbox that `api` serves."""
    return ruled(assemble(settings), faulty_cards())
