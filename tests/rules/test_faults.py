"""The family of wire faults: what every row of `FAULTS` brings, and what holds for each of them."""

import json
from itertools import pairwise
from typing import Final

import pytest

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.faults import FAULT_NAMED, FAULTS
from payments_sandbox.rules.faults.fault import Fault, JournalRecord
from payments_sandbox.rules.faults.reply import Close, KeepOpen, Reset, Send, WaitUntil
from payments_sandbox.rules.model import RequestRule
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.loader import load
from payments_sandbox.verification.observed import ObservedCall
from payments_sandbox.world.journal import Entry
from tests.project.tree import PACKAGE, ROOT
from tests.support.in_process import new_world
from tests.support.tables import for_each
from tests.support.values import FAULT_EXAMPLES, FAULT_PARTS, REAL_REPLY, bytes_sent, fault_of

SHARED: Final = {"__init__", "fault", "reply"}
FOLDER: Final = PACKAGE / "rules" / "faults"


@for_each("fault", FAULTS, show=lambda fault: fault.name)
def test_a_fault_brings_all_of_its_parts(fault: type[Fault]) -> None:
    """In its class: none has a default that would be taken for an answer."""
    missing = [part for part in FAULT_PARTS if part not in vars(fault)]

    assert not missing, f"add {', '.join(missing)} to {fault.__name__}; see rules/faults/fault.py"
    assert fault.EXAMPLES, f"add an Example to {fault.__name__}.EXAMPLES"


def test_a_module_of_the_folder_has_its_row_and_its_test() -> None:
    """One file a fault, called like it, and one test file of that name."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - SHARED
    tests = {path.stem for path in (ROOT / "tests" / "rules" / "faults").glob("test_*.py")}

    assert modules == {*FAULT_NAMED}, "add the row to FAULTS in rules/faults/__init__.py"
    assert {f"test_{name}" for name in FAULT_NAMED} == tests, (
        "add tests/rules/faults/test_<name>.py: the bytes that the plan sends"
    )


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("step", FAULT_EXAMPLES)
def test_a_scenario_of_the_example_loads_and_is_written_as_it_was_read(
    step: str, *, commit: bool
) -> None:
    """With `commit` where the fault has one; the schema and the lint find nothing."""
    fault = fault_of(step, commit=commit)
    written = {fault.name: fault.source(is_read=False)}
    loaded = load(_scenario("create_payment", written), name=None)

    assert loaded.problems == ()
    assert _first_outcome(loaded.scenario) == fault
    assert type(fault).parse(fault.source(is_read=False), is_read=False) == fault


@for_each("step", FAULT_EXAMPLES)
def test_a_read_needs_no_commit(step: str) -> None:
    """Nothing can happen there; the fault is written and read without it."""
    fault, example = FAULT_EXAMPLES[step]
    loaded = load(_scenario("list_payments", {fault.name: example.plain}), name=None)

    assert loaded.problems == ()
    found = _first_outcome(loaded.scenario)
    assert isinstance(found, Fault)
    assert "commit" not in found.source(is_read=True)
    assert found.commit or not fault.needs_commit


@for_each("step", FAULT_EXAMPLES)
def test_a_missing_commit_is_refused_where_it_is_needed(step: str) -> None:
    """Of a write: it decides whether a retry charges twice."""
    fault, example = FAULT_EXAMPLES[step]
    loaded = load(_scenario("create_payment", {fault.name: example.plain}), name=None)

    messages = [problem.message for problem in loaded.problems]
    assert messages == [f"'{fault.name}' needs 'commit'"] * fault.needs_commit


@for_each("step", FAULT_EXAMPLES)
def test_a_plan_has_one_end_and_waits_no_longer_than_the_cap(step: str) -> None:
    """It is the same each time, for it reads no clock and draws nothing."""
    fault = fault_of(step)
    reply = REAL_REPLY._replace(max_wait=500)
    *steps, end = fault.plan(reply)
    waits = [each.milliseconds for each in steps if isinstance(each, WaitUntil)]

    assert isinstance(end, Reset | Close | KeepOpen)
    assert all(isinstance(each, Send | WaitUntil) for each in steps)
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert max(waits, default=0) <= 500
    assert [*fault.plan(reply)] == [*steps, end]
    assert fault.starts_silent == isinstance([*steps, end][0], WaitUntil)


@for_each("step", FAULT_EXAMPLES)
def test_a_head_request_gets_no_body(step: str) -> None:
    """Whatever is sent is the head alone, or no reply at all."""
    came = bytes_sent(fault_of(step), REAL_REPLY._replace(is_head=True))

    assert not came.startswith(b"HTTP") or came.partition(b"\r\n\r\n")[2] == b""


@for_each("step", FAULT_EXAMPLES)
def test_what_the_journal_shows_is_what_a_client_was_told(step: str) -> None:
    """Where the journal shows a reply, its head went out, and its body as far as HTTP let it."""
    fault = fault_of(step)
    shown = [each.shown for each in fault.plan(REAL_REPLY) if isinstance(each, Send) and each.shown]

    assert len(shown) <= 1
    for reply in shown:
        assert bytes_sent(fault).startswith(f"HTTP/1.1 {reply.status} ".encode())
        assert bytes_sent(fault).endswith(reply.body)


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_journal_makes_a_fault_that_scenarios_can_say(
    fault: type[Fault], *, commit: bool
) -> None:
    """Of a call whose rule is gone; whether it happened is as it was."""
    commit = commit or not fault.may_commit()
    for record in (
        JournalRecord(None, b"", commit, 250.4),
        JournalRecord(503, b"busy", commit, 250.4),
    ):
        found = fault.from_journal(record)
        written = {found.name: found.source(is_read=False)}
        loaded = load(_scenario("create_payment", written), name=None)

        assert found.commit == commit
        assert loaded.problems == ()
        assert _first_outcome(loaded.scenario) == found


@for_each("fault", FAULTS, show=lambda fault: fault.name)
def test_the_audit_believes_whether_the_reply_arrives(fault: type[Fault]) -> None:
    """A client that did not get its reply cannot know what has become of its call."""
    entry = Entry(Instant(0), "create_payment", "POST", "/v3/payments", ())
    entry.fault = fault.name
    entry.replied(201, {}, b"{}")

    assert ObservedCall(new_world(), entry).outcome_unknown is not fault.reply_arrives


def _scenario(operation: str, step: object) -> str:
    """A scenario of one rule with one step; JSON is YAML as well."""
    rule = {"request": operation, "do": [step]}
    return json.dumps({"scenario": "example", "rules": [rule]})


def _first_outcome(scenario: Scenario | None) -> object:
    assert scenario is not None
    [rule] = scenario.rules
    assert isinstance(rule, RequestRule)
    return rule.steps[0].outcome
