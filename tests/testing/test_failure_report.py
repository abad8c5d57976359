"""The report of a failed test reads each world once, for all outputs."""

import json
from unittest.mock import Mock

from payments_sandbox.testing import MemorySandbox
from payments_sandbox.testing.failure_report import WorldSection, failure_report, journal_files


def test_a_world_is_read_once_for_report_journal_and_page() -> None:
    """Seven requests are enough for report, journal and page."""
    with MemorySandbox() as server, server.new_world() as world:
        world.inbox("orders")
        world.control.create_event("payout.paid", data={})
        transport = world.control._transport  # noqa: SLF001 - all requests go through it
        world.control._transport = noted = Mock(wraps=transport)  # noqa: SLF001 - as above
        record = WorldSection(world)
        asked = [call.args[0].target for call in noted.send.call_args_list]
        shown = failure_report([record])
        files = journal_files([record], "test_it", with_page=True)
        assert len(noted.send.call_args_list) == len(asked)
        world.control._transport = transport  # noqa: SLF001 - as above

    assert len(asked) == len(set(asked)) == 7
    assert "payout.paid" in shown
    written = {name.rpartition(".")[2]: text for name, text in files.items()}
    assert all(shown.splitlines()[0] in text for text in (written["txt"], written["html"]))
    assert json.loads(written["json"])["worlds"] == [record.shown]


def test_a_dropped_world_is_not_read() -> None:
    """Reading it would create a new one."""
    with MemorySandbox() as server:
        world = server.new_world()
        world.close()
        record = WorldSection(world)
        sentence = f"{world!r} was dropped by the test"

    assert record.lines(20) == [sentence]
    assert record.shown == {"api_key": world.api_key, "error": sentence}
