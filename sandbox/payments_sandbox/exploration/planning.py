"""Owns the plan of an exploration: which call meets which failure, the worst first.

Depth 1 has every failure of every call and webhook of the run without a failure. Depth 2 adds
failures of calls that were only made after a first failure, which the flow had survived: any other
pair consists of two failures of depth 1, which were tried already. Runs with the same history after
their first failure continue in the same way, so one of them represents all.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.exploration.calls import CallName
from payments_sandbox.exploration.failures import (
    LATE,
    WAITING,
    Failure,
    WebhookFailure,
    call_failures,
    webhook_failures,
)

_SLUG: Final = re.compile(r"[^A-Za-z0-9_]+")
_SLUG_LENGTH: Final = 40
"""How many characters of a customer's id are in a file's name."""

_NEEDS_OTHERS: Final = frozenset({"out_of_order"})
"""Failures that are possible only with several webhooks."""


class Injection(NamedTuple):
    """A failure that a call or a webhook of a run is to meet."""

    name: CallName
    failure: Failure

    @property
    def rule(self) -> dict[str, Any]:
        """The rule of a scenario that causes it."""
        return self.failure.rule(self.name.when())

    @property
    def slug(self) -> str:
        """Its part of a file's name: CALL-FAULT."""
        parts = self.name.what, (self.name.customer or "")[:_SLUG_LENGTH], str(self.name.nth)
        call = "_".join(_SLUG.sub("_", part) for part in parts if part)
        return f"{call}-{self.failure.id}"

    def __str__(self) -> str:
        return f"{self.name}: {self.failure.about}"


class PlannedRun(NamedTuple):
    """A run to make.

    Attributes:
        number: its number in the plan, from 1; 0 is the run without a failure.
        injections: the failures that it meets: none, one or two.
    """

    number: int
    injections: tuple[Injection, ...] = ()

    @property
    def depth(self) -> int:
        """How many failures it meets."""
        return len(self.injections)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Its failures, without their calls."""
        return tuple(each.failure for each in self.injections)

    @property
    def failure_ids(self) -> str:
        """The ids of its failures, which distinguish the witnesses of a finding."""
        return " then ".join(each.id for each in self.failures)

    @property
    def slug(self) -> str:
        """Its part of a file's name: CALL-FAULT, once for each failure."""
        return "-then-".join(each.slug for each in self.injections)

    def __str__(self) -> str:
        return "; then ".join(map(str, self.injections))

    def scenario(self, name: str = "explored") -> dict[str, Any]:
        """The scenario that causes its failures, in plain values."""
        rules = [each.rule for each in self.injections]
        if len({rule["name"] for rule in rules}) < len(rules):
            rules = [
                rule | {"name": f"{rule['name']}-{place}"} for place, rule in enumerate(rules, 1)
            ]
        return {"scenario": name, "about": f"{self}.", "rules": rules}

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The names of its rules, as `scenario/rule`."""
        return tuple(f"explored/{rule['name']}" for rule in self.scenario()["rules"])


def class_of(failure: Failure) -> str:
    """The class of a failure: a client cannot distinguish failures of the same class.

    There are nine ways to lose the reply of a call that took effect, but they show the same bug.
    """
    if isinstance(failure, WebhookFailure):
        return "not in time" if failure.name in _NOT_IN_TIME else failure.name
    if failure.commit:
        return "reply lost, and it has happened"
    if failure.name in LATE:
        return "late"
    return "reply lost, and nothing has happened" if failure.is_on_wire else "refused"


_NOT_IN_TIME: Final = frozenset({"lost", "late", "month_late"})


def is_among(failure: Failure, among: frozenset[str] | None) -> bool:
    """Whether a failure is in a choice of ids and names; None stands for all."""
    return among is None or failure.id in among or failure.name in among


def injections(names: Sequence[CallName], *, among: frozenset[str] | None) -> list[Injection]:
    """Every failure of every name, the ones most likely to go wrong first."""
    webhooks = sum(name.is_webhook for name in names)
    found = [
        Injection(name, failure)
        for name in names
        for failure in (webhook_failures if name.is_webhook else call_failures)(name.what)
        if is_among(failure, among) and (webhooks > 1 or failure.name not in _NEEDS_OTHERS)
    ]
    return sorted(found, key=lambda each: _rank(each.failure))  # stable: then in the order of calls


_RANKS: Final = (
    "reply lost, and it has happened", "forged", "twice", "reply lost, and nothing has happened",
    "not in time", "stale", "before_reply", "out_of_order", "refused", "late",
)  # fmt: skip
"""Classes of failures, those that go wrong most often first."""


def _rank(failure: Failure) -> tuple[bool, int, bool]:
    """Rank a failure: slow ones last; within a class, those on the wire before statuses."""
    place = _RANKS.index(class_of(failure))
    if isinstance(failure, WebhookFailure):
        return False, place, False
    return failure.name in WAITING, place, not failure.is_on_wire


class Survivor(NamedTuple):
    """A run of depth 1 that went well.

    Attributes:
        planned: the run.
        new: the names of calls and webhooks that are not in the run without a failure.
        history: what the flow has met after its failure; equal histories continue equally.
    """

    planned: PlannedRun
    new: tuple[CallName, ...]
    history: object


class SecondFailures(NamedTuple):
    """The runs of depth 2, and how many pairs were left out, by the reason."""

    runs: tuple[PlannedRun, ...]
    pruned: Mapping[str, int]


NOT_SURVIVED: Final = "the first failure alone ended the flow, or was not survived"
NOT_NEW: Final = "the second call is also made without a first failure"
SAME_HISTORY: Final = "another first failure led to the same calls"


def second_failures(
    survivors: Iterable[Survivor],
    *,
    lost: int,
    usual: Sequence[CallName],
    among: frozenset[str] | None,
    first_number: int,
) -> SecondFailures:
    """Plan the runs of depth 2.

    Args:
        survivors: the runs of depth 1 that went well, in the order of the plan.
        lost: how many runs of depth 1 did not go well.
        usual: the names of the run without a failure.
        among: the choice of failures, as in `is_among`.
        first_number: the number of the first run.
    """
    pruned: Counter[str] = Counter()
    of_usual = len(injections(usual, among=among))
    pruned[NOT_SURVIVED] += lost * of_usual
    seen: set[object] = set()
    pairs: list[tuple[Injection, Injection]] = []
    for survivor in survivors:
        pruned[NOT_NEW] += of_usual
        found = injections(survivor.new, among=among)
        if survivor.history in seen:
            pruned[SAME_HISTORY] += len(found)
            continue
        seen.add(survivor.history)
        pairs += [(*survivor.planned.injections, second) for second in found]  # type: ignore[misc]
    pairs.sort(key=lambda pair: _rank(pair[1].failure))
    runs = (PlannedRun(first_number + place, pair) for place, pair in enumerate(pairs))
    return SecondFailures(tuple(runs), {why: count for why, count in pruned.items() if count})
