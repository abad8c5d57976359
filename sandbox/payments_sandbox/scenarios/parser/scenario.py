"""Owns the reading of a whole scenario."""

from payments_sandbox.core.instants import read_instant
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.parser import given, rules
from payments_sandbox.scenarios.parser.values import Plain, items
from payments_sandbox.verification.expectations import parse_expectation


def parse_scenario(plain: Plain) -> Scenario:
    """Parse a scenario that neither the schema nor the lint has found anything wrong with."""
    clock = plain.get("clock")
    return Scenario(
        name=plain["scenario"],
        source=plain,
        about=plain.get("about", ""),
        tags=tuple(plain.get("tags", ())),
        seed=plain.get("seed"),
        clock=None if clock is None else read_instant(clock),
        given=given.parse_given(plain["given"]) if "given" in plain else None,
        rules=tuple(rules.parse_rule(each, n) for n, each in items(plain, "rules")),
        expectations=tuple(parse_expectation(each) for _, each in items(plain, "expect")),
    )
