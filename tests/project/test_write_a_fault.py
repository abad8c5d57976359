"""docs/how-to/write-a-fault.md: its example works, and its files exist."""

import importlib.util
import re
from pathlib import Path
from typing import Final

from payments_sandbox.rules.faults.fault import Fault, JournalRecord
from payments_sandbox.rules.faults.reply import Close, RealReply, Send, WaitUntil
from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.values import FAULT_PARTS

PAGE: Final = ROOT / "docs" / "how-to" / "write-a-fault.md"
NAMED: Final = re.compile(r"`((?:sandbox|tests|docs)/[\w/.-]+)`")
NEW_FILES: Final = {
    "sandbox/payments_sandbox/rules/faults/stall.py",
    "tests/rules/faults/test_stall.py",
}


def written(folder: Path) -> type[Fault]:
    """Return the fault of the page, written to a file and imported."""
    [example] = below("1. The file", read_blocks(PAGE))
    path = folder / "stall.py"
    path.write_text(example.code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("stall", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fault: type[Fault] = module.Stall
    return fault


def test_the_example_fault_sends_a_head_waits_and_closes(tmp_path: Path) -> None:
    """The head announces two bytes that are never sent."""
    fault = written(tmp_path).parse({"commit": True, "for": "40ms"}, is_read=False)
    reply = RealReply(200, {"X-Real": "1"}, b"{}", date="now", max_wait=60_000)

    head = b"HTTP/1.1 200 OK\r\nX-Real: 1\r\nContent-Length: 2\r\nDate: now\r\n\r\n"
    assert list(fault.plan(reply)) == [Send(head), WaitUntil(40), Close()]


def test_the_example_fault_round_trips_and_can_be_made_from_the_journal(tmp_path: Path) -> None:
    stall = written(tmp_path)
    fault = stall.from_journal(JournalRecord(None, b"", commit=True, duration_ms=40.2))

    assert fault.source(is_read=False) == {"commit": True, "for": "40ms"}
    assert stall.parse(fault.source(is_read=False), is_read=False) == fault


def test_the_example_fault_defines_all_required_parts(tmp_path: Path) -> None:
    assert [part for part in FAULT_PARTS if part not in vars(written(tmp_path))] == []


def test_the_page_names_only_existing_files() -> None:
    """The files that the reader creates are excepted."""
    names = NAMED.findall(PAGE.read_text(encoding="utf-8"))

    assert len(names) > 5
    assert [name for name in names if not (ROOT / name).exists() and name not in NEW_FILES] == []


def test_the_page_has_at_most_120_lines() -> None:
    """It can therefore be read before writing a fault."""
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 120
