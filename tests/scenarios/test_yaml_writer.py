"""Scenarios that are written as YAML load as the same scenario."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.delays import Uniform
from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.malform import Malform, Malformation
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import (
    MoveRateLimit,
    Pass,
    Patch,
    Respond,
)
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import Outcome, Settlement
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.parser import parse_step
from payments_sandbox.scenarios.yaml_writer import line_of, step_source, text_of

FLAGS: Final = st.booleans()
TEXTS: Final = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["on", "NO", "012", "1:30", "0x1f", "~", "null", "&a", "*a", "# x", "a: b", " ", "2030-01-15"]
)
MILLISECONDS: Final = st.integers(1, 10**9)
ENDS: Final = st.sampled_from([Status.COMPLETED, Status.FAILED])
TURNS: Final = st.builds(Settlement, ENDS, MILLISECONDS, st.none()) | st.builds(
    Settlement, ENDS, st.none(), st.integers(1, 9)
)
OUTCOMES: Final[st.SearchStrategy[Outcome]] = st.one_of(
    st.just(Pass()),
    st.builds(Respond, st.sampled_from(sorted(CODES)), FLAGS, st.none() | TEXTS, st.none() | TEXTS),
    st.builds(RespondRaw, st.integers(400, 599), st.just({"X-A": "b"}), TEXTS, FLAGS),
    st.builds(Drop, FLAGS, st.sampled_from(["close", "reset"])),
    st.builds(Hang, FLAGS, st.none() | MILLISECONDS),
    st.builds(
        Truncate,
        FLAGS,
        st.sampled_from([0.0, 12.5, 40.0, 100.0]),
        st.sampled_from(["body"]),
    ),
    st.builds(Malform, FLAGS, st.sampled_from(Malformation)),
    st.builds(Drip, MILLISECONDS, st.integers(1, 99)),
    st.builds(MoveRateLimit, st.integers(0, 9), st.integers(1, 9), st.none() | MILLISECONDS),
    st.builds(Settle, st.tuples(TURNS) | st.just(())),
    st.builds(Patch, st.just({"a": {"b": None}}), FLAGS),
)
STEPS: Final = st.builds(Step, OUTCOMES, st.integers(0, 9_999), st.integers(1, 9))


@given(STEPS)
def test_a_written_step_parses_to_the_same_step(written: Step) -> None:
    """This is for an operation that writes."""
    assert parse_step(step_source(written, is_read=False), is_read=False) == written


@given(STEPS)
def test_a_step_of_a_read_operation_is_written_without_commit(written: Step) -> None:
    """`commit` has no effect there, and the lint would warn."""
    source = step_source(written, is_read=True)
    parts = [] if isinstance(source, str) else list(source.values())
    assert not any("commit" in part for part in parts if isinstance(part, dict))
    assert step_source(parse_step(source, is_read=True), is_read=True) == source


def test_a_random_delay_is_omitted() -> None:
    assert step_source(Step(delay=Uniform(1, 2)), is_read=False) == "pass"


@given(TEXTS, TEXTS)
def test_special_yaml_texts_survive_writing_and_loading(customer: str, details: str) -> None:
    """The texts include those that YAML would read as other types."""
    respond = {"error": "internal_error", "details": details}
    rule = {"request": "*", "when": {"customer_id": customer}, "do": [{"respond": respond}]}
    source = {"scenario": "written", "rules": [rule]}
    loaded = load(text_of(source), name="written")
    assert (loaded.problems, loaded.scenario and loaded.scenario.source) == ((), source)


@pytest.mark.parametrize("is_short", [True, False])
def test_written_yaml_has_lists_below_keys_and_innermost_parts_on_one_line(
    *, is_short: bool
) -> None:
    """A repeated part is written in full instead of as an alias."""
    step = {"respond": {"error": "internal_error"}}
    steps = [step] if is_short else [step, "pass", step]
    rule = {"request": "create_payment", "when": {"customer_id": "cust_ada"}, "do": steps}
    shown = text_of({"scenario": "written", "tags": ["a", "b"], "rules": [rule]})
    assert shown == (
        "scenario: written\n"
        "tags: [a, b]\n"
        "rules:\n"
        "  - request: create_payment\n"
        "    when: {customer_id: cust_ada}\n"
        "    do:\n"
        "      - respond: {error: internal_error}\n"
    ) + ("" if is_short else "      - pass\n      - respond: {error: internal_error}\n")


def test_line_of_writes_any_value_on_one_line() -> None:
    """Characters and key order are kept."""
    part = {"z": {"b": [1, "é" * 200, {"c": None}]}, "a": True}

    assert line_of(part) == f"{{z: {{b: [1, {'é' * 200}, {{c: null}}]}}, a: true}}"
