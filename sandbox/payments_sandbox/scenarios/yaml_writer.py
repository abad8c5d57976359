"""Owns the writing of scenarios: steps as a file says them, and the file's text."""

import math
from collections.abc import Mapping
from typing import Final

import yaml

from payments_sandbox.core.instants import show_duration
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.model import Step

Source = dict[str, object]
"""A part of a scenario in plain values, as YAML and JSON have them."""

WIDTH: Final = 100


def step_source(step: Step, *, is_read: bool) -> Source | str:
    """A step as it is written: reading it gives the step again.

    A delay to be drawn is left out; so is `commit` on a read, where it has no effect.
    """
    source = step.outcome.step_source(is_read=is_read) | _delay(step.delay)
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


def line_of(source: Mapping[str, object]) -> str:
    """A part of a scenario as YAML on one line."""
    text: str = yaml.dump(
        dict(source), Dumper=_Indented, sort_keys=False, allow_unicode=True, width=math.inf,
        default_flow_style=True,
    )  # fmt: skip
    return text.rstrip()


class _Indented(yaml.SafeDumper):
    """Indents the items of a list below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True  # anchors are refused by the lint


def _delay(delay: Delay) -> Source:
    return {"delay": show_duration(delay)} if isinstance(delay, int) and delay else {}
