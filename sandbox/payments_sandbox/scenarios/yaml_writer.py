"""Owns the writing of scenarios: steps as a file says them, and the file's text."""

from collections.abc import Mapping
from typing import Final, assert_never

import yaml

from payments_sandbox.core.instants import show_duration
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.model import (
    MoveRateLimit,
    Outcome,
    Pass,
    Patch,
    Respond,
    Settle,
    Settlement,
    Step,
    StepsExhausted,
)

Source = dict[str, object]
"""A part of a scenario in plain values, as YAML and JSON have them."""

WIDTH: Final = 100


def step_source(step: Step, *, is_read: bool) -> Source | str:
    """A step as it is written: reading it gives the step again.

    Args:
        step: with a delay that is fixed; a distribution is left out.
        is_read: of an operation on which `commit` has no effect, and so is left out.
    """
    source = _outcome(step.outcome, is_read=is_read) | _delay(step.delay)
    if step.times > 1:
        source["times"] = step.times
    return source or "pass"


def text_of(source: Mapping[str, object]) -> str:
    """A scenario as YAML, in the order of its keys, the innermost parts on one line."""
    text: str = yaml.dump(
        dict(source), Dumper=_Indented, sort_keys=False, allow_unicode=True, width=WIDTH,
        default_flow_style=None,
    )  # fmt: skip
    return text


class _Indented(yaml.SafeDumper):
    """Indents the items of a list below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True  # anchors are refused by the lint


def _outcome(  # noqa: PLR0911 - one an outcome
    outcome: Outcome, *, is_read: bool
) -> Source:
    match outcome:
        case Pass():
            return {}
        case StepsExhausted():
            return {"respond": {"error": "internal_error"}}
        case Respond(error, commit, message, details):
            said = _given({"error": error, "message": message, "details": details})
            return {"respond": said | _committed(commit, is_read)}
        case MoveRateLimit(remaining, limit, window):
            shown = None if window is None else show_duration(window)
            return {"rate_limit": _given({"remaining": remaining, "limit": limit, "window": shown})}
        case Settle(turns):
            return {"settle": [{"to": "pending"}, *map(_turn, turns)]}
        case Patch(patch, off_contract):
            return {"patch": dict(patch)} | ({"off_contract": True} if off_contract else {})
        case Fault():
            return {outcome.name: outcome.source(is_read=is_read)}
        case _:
            assert_never(outcome)


def _committed(commit: bool, is_read: bool) -> Source:  # noqa: FBT001 - both are what they say
    return {"commit": True} if commit and not is_read else {}


def _turn(turn: Settlement) -> Source:
    wait: Source = {"after_reads": turn.reads}
    if turn.after is not None:
        wait = {"after": show_duration(turn.after)}
    return {"to": turn.to.value} | wait


def _delay(delay: Delay) -> Source:
    return {"delay": show_duration(delay)} if isinstance(delay, int) and delay else {}


def _given(source: Mapping[str, object]) -> Source:
    return {key: value for key, value in source.items() if value is not None}
