"""Owns the writing of scenarios as YAML."""

import math
from collections.abc import Mapping
from typing import Final

import yaml

from payments_sandbox.core.instants import show_duration
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.model import Step

Source = dict[str, object]
"""A part of a scenario in plain values, as in YAML and JSON."""

WIDTH: Final = 100


def step_source(step: Step, *, is_read: bool) -> Source | str:
    """Write a step in plain values, from which `parse_step` makes an equal step.

    A delay that is a distribution is left out, and so is `commit` of a read, which has no effect.
    """
    source = step.outcome.step_source(is_read=is_read) | _delay(step.delay)
    if step.times > 1:
        source["times"] = step.times
    return source or "pass"


def text_of(source: Mapping[str, object]) -> str:
    """Write a scenario as YAML, in the order of its keys, with the innermost parts on one line."""
    text: str = yaml.dump(
        dict(source), Dumper=_Indented, sort_keys=False, allow_unicode=True, width=WIDTH,
        default_flow_style=None,
    )  # fmt: skip
    return text


def line_of(source: Mapping[str, object]) -> str:
    """Write a part of a scenario as YAML on one line."""
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
        return True  # the lint rejects anchors


def _delay(delay: Delay) -> Source:
    return {"delay": show_duration(delay)} if isinstance(delay, int) and delay else {}
