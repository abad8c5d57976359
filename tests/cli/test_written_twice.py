"""Values that commands duplicate from the server, to avoid importing it, are equal to its own."""

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


def test_the_default_address_of_commands_is_that_of_the_server() -> None:
    """This includes the prefix of the control API."""
    settings = Settings()
    assert f"http://{settings.host}:{settings.port}" == DEFAULT_URL
    assert messages.CONTROL_PATH == CONTROL_PATH


def test_the_journal_size_of_logs_is_that_of_the_server() -> None:
    """`logs` can therefore request all of it."""
    assert JOURNAL_SIZE == KEPT


def test_the_event_filters_of_commands_are_those_of_the_schema() -> None:
    filters = json.loads(SCHEMA.read_text())["properties"]["events"]["items"]["enum"]
    assert [event_filter(each) for each in filters] == filters
    with pytest.raises(Exception, match="expected one of") as refused:
        event_filter("payments.*")
    assert set(str(refused.value).removeprefix("expected one of ").split(", ")) == set(filters)
