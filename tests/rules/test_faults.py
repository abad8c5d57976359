"""The family of wire faults: what every entry of `FAULTS` has, and what applies to all."""

import json
from itertools import pairwise
from typing import Final

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
def test_a_fault_class_defines_all_required_parts(fault: type[Fault]) -> None:
    """There are no inherited defaults, so that no part is forgotten."""
    missing = [part for part in FAULT_PARTS if part not in vars(fault)]

    assert not missing, f"add {', '.join(missing)} to {fault.__name__}; see rules/faults/fault.py"
    assert fault.EXAMPLES, f"add an Example to {fault.__name__}.EXAMPLES"


def test_every_fault_module_has_a_row_and_a_test_module() -> None:
    """Each fault has a module and a test module with its name."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - SHARED
    tests = {path.stem for path in (ROOT / "tests" / "rules" / "faults").glob("test_*.py")}

    assert modules == {*FAULT_NAMED}, "add the row to FAULTS in rules/faults/__init__.py"
    assert {f"test_{name}" for name in FAULT_NAMED} == tests, (
        "add tests/rules/faults/test_<name>.py: the bytes that the plan sends"
    )


@for_each("commit", [True, False])
@for_each("step", FAULT_EXAMPLES)
def test_a_scenario_with_an_example_fault_loads_and_round_trips(step: str, *, commit: bool) -> None:
    """Schema and lint find no problems; `commit` is set if the fault has it."""
    fault = fault_of(step, commit=commit)
    written = {fault.name: fault.source(is_read=False)}
    loaded = load(_scenario("create_payment", written), name=None)

    assert loaded.problems == ()
    assert _first_outcome(loaded.scenario) == fault
    assert type(fault).parse(fault.source(is_read=False), is_read=False) == fault


@for_each("step", FAULT_EXAMPLES)
def test_a_fault_of_a_read_operation_needs_no_commit(step: str) -> None:
    """Reads have no effect, so the fault is written and parsed without it."""
    fault, example = FAULT_EXAMPLES[step]
    loaded = load(_scenario("list_payments", {fault.name: example.plain}), name=None)

    assert loaded.problems == ()
    found = _first_outcome(loaded.scenario)
    assert isinstance(found, Fault)
    assert "commit" not in found.source(is_read=True)
    assert found.commit or not fault.needs_commit


@for_each("step", FAULT_EXAMPLES)
def test_a_missing_commit_of_a_write_is_rejected_if_the_fault_needs_it(step: str) -> None:
    """It decides whether a retry charges twice."""
    fault, example = FAULT_EXAMPLES[step]
    loaded = load(_scenario("create_payment", {fault.name: example.plain}), name=None)

    messages = [problem.message for problem in loaded.problems]
    assert messages == [f"'{fault.name}' needs 'commit'"] * fault.needs_commit


@for_each("step", FAULT_EXAMPLES)
def test_a_plan_is_deterministic_has_one_end_and_respects_the_maximum_wait(step: str) -> None:
    """It reads no clock and uses no randomness."""
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
    """Only the head is sent, or no reply at all."""
    came = bytes_sent(fault_of(step), REAL_REPLY._replace(is_head=True))

    assert not came.startswith(b"HTTP") or came.partition(b"\r\n\r\n")[2] == b""


@for_each("step", FAULT_EXAMPLES)
def test_the_journal_shows_only_replies_that_were_sent(step: str) -> None:
    """If the journal shows a reply, its head and body were sent."""
    fault = fault_of(step)
    shown = [each.shown for each in fault.plan(REAL_REPLY) if isinstance(each, Send) and each.shown]

    assert len(shown) <= 1
    for reply in shown:
        assert bytes_sent(fault).startswith(f"HTTP/1.1 {reply.status} ".encode())
        assert bytes_sent(fault).endswith(reply.body)


@for_each("commit", [True, False])
@for_each("fault", FAULTS)
def test_a_fault_from_the_journal_is_valid_in_a_scenario(
    fault: type[Fault], *, commit: bool
) -> None:
    """This is for calls whose rule is gone; `commit` is kept."""
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
def test_the_outcome_of_a_call_is_unknown_if_its_reply_does_not_arrive(fault: type[Fault]) -> None:
    """A client without a reply cannot know the outcome of its call."""
    entry = Entry(Instant(0), "create_payment", "POST", "/v3/payments", ())
    entry.fault = fault.name
    entry.replied(201, {}, b"{}")

    assert ObservedCall(new_world(), entry).outcome_unknown is not fault.reply_arrives


def _scenario(operation: str, step: object) -> str:
    """Return a scenario with one rule and one step, as JSON, which is YAML too."""
    rule = {"request": operation, "do": [step]}
    return json.dumps({"scenario": "example", "rules": [rule]})


def _first_outcome(scenario: Scenario | None) -> object:
    assert scenario is not None
    [rule] = scenario.rules
    assert isinstance(rule, RequestRule)
    return rule.steps[0].outcome
