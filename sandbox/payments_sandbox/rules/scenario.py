"""Owns the scenario as a value: what one file, or one JSON object, says."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.initial_state import Given
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule, When
from payments_sandbox.rules.webhook_effects import WebhookRule

Rule = RequestRule | EventRule | AtRule | WebhookRule


class ScenarioExpectation(Protocol):
    """What must be true afterwards; `payments_sandbox.verification` knows what it checks."""

    @property
    def source(self) -> Mapping[str, object]:
        """As it was written."""

    @property
    def within(self) -> int:
        """Wall milliseconds that may be waited for it."""

    @property
    def conditions(self) -> When:
        """What the calls, payments or refunds that it counts have to be."""


class Scenario(NamedTuple):
    """A short list of deviations from a working API, and what must be true afterwards.

    Attributes:
        source: as it was written, in plain values; a scenario is kept and sent as this.
        seed: what its draws come from; None is the world's.
        clock: where the world's clock starts, frozen; None leaves it alone.
    """

    name: str
    source: Mapping[str, object]
    about: str = ""
    tags: tuple[str, ...] = ()
    seed: int | None = None
    clock: Instant | None = None
    given: Given | None = None
    rules: tuple[Rule, ...] = ()
    expectations: tuple[ScenarioExpectation, ...] = ()
