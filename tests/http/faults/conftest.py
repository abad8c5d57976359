"""Fixtures of the tests of wire faults: a sandbox where a card brings about each of them."""

import pytest

from sandbox.bootstrap import Sandbox, assemble
from sandbox.settings import Settings
from tests.fakes.faulty import faulty_cards
from tests.fakes.serving import ruled


@pytest.fixture
def sandbox(settings: Settings) -> Sandbox:
    """A sandbox that `api` serves."""
    return ruled(assemble(settings), faulty_cards())
