"""What commands know of the server without importing it is what the server knows."""

import json

import pytest

from payments_sandbox.cli.commands.listen import event_filter
from payments_sandbox.cli.follow import JOURNAL_SIZE
from payments_sandbox.cli.remote_options import DEFAULT_URL
from payments_sandbox.client import messages
from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.core.settings import Settings
from payments_sandbox.world.journal import KEPT
from tests.project.tree import ROOT

SCHEMA = ROOT / "schemas" / "control" / "requests" / "create_webhook_endpoint.json"


def test_the_address_of_a_server_is_the_same_in_both_places() -> None:
    """Its address, and the prefix of the control API."""
    settings = Settings()
    assert f"http://{settings.host}:{settings.port}" == DEFAULT_URL
    assert messages.CONTROL_PATH == CONTROL_PATH


def test_the_length_of_a_journal_is_the_same_in_both_places() -> None:
    """So that `logs` can ask for all of it."""
    assert JOURNAL_SIZE == KEPT


def test_the_filters_of_events_are_the_same_in_both_places() -> None:
    """The filters of an endpoint, and no others."""
    filters = json.loads(SCHEMA.read_text())["properties"]["events"]["items"]["enum"]
    assert [event_filter(each) for each in filters] == filters
    with pytest.raises(Exception, match="expected one of") as refused:
        event_filter("payments.*")
    assert set(str(refused.value).removeprefix("expected one of ").split(", ")) == set(filters)
