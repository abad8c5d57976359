"""Crashes are recognised by a signal, or by a stack trace at the end of the output."""

import pytest

from payments_sandbox.exploration.crashes import LAST_LINES, RUNTIMES, Runtime, crash_evidence
from tests.support.tables import for_each


@for_each("runtime", RUNTIMES)
def test_the_stack_trace_of_each_runtime_is_recognised(runtime: Runtime) -> None:
    said = crash_evidence(1, f"shop starts\n{runtime.example}\n")

    assert said == f"exit status 1, with a trace of {runtime.name} at the end of stderr"


@pytest.mark.parametrize(
    ("code", "why"),
    [(137, "ended by SIGKILL"), (139, "ended by SIGSEGV"), (134, "ended by SIGABRT")],
)
def test_an_exit_by_signal_is_a_crash(code: int, why: str) -> None:
    assert crash_evidence(code, "") == why


@pytest.mark.parametrize("code", [1, 2, 255])
def test_an_exit_code_without_a_stack_trace_is_not_a_crash(code: int) -> None:
    assert crash_evidence(code, "the card was declined\n") is None


def test_a_stack_trace_of_a_successful_command_is_not_a_crash() -> None:
    assert crash_evidence(0, RUNTIMES[0].example) is None


def test_a_stack_trace_far_above_the_end_is_not_a_crash() -> None:
    assert crash_evidence(1, RUNTIMES[0].example + "\nagain" * LAST_LINES) is None
