"""Owns one rule of an active scenario made ready: its tests, its draws, its counts, its tally."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final, Generic, TypeVar, assert_never

from payments_sandbox.core.masking import mask_text
from payments_sandbox.rules.chance import draw
from payments_sandbox.rules.conditions import Facts, compiled
from payments_sandbox.rules.counters import Counters
from payments_sandbox.rules.delays import Delay, drawn
from payments_sandbox.rules.model import AtRule, Condition, EventRule, Per, RequestRule
from payments_sandbox.rules.webhook_effects import WebhookRule

CALL: Final = "call"
ATTEMPT: Final = "attempt"

RuleT = TypeVar("RuleT", RequestRule, EventRule, AtRule, WebhookRule)


class Cue(Generic[RuleT]):
    """A rule of an active scenario.

    Attributes:
        scenario: whose rule it is; together they name it.
        counts: whether the number of a call decides something, so that each has to be counted.
        matched: how many calls, events, payments or deliveries met its conditions.
        fired: how often it answered or acted.
        failed: how often it had no step left, with `then: fail`.
        skipped: how many of its moves had become illegal; `why_skipped` is the last reason.
    """

    __slots__ = (
        "_call_tests", "_seed", "counts", "failed", "fired", "matched", "name", "rule", "scenario",
        "skipped", "tests", "why_skipped",
    )  # fmt: skip

    def __init__(self, scenario: str, rule: RuleT, seed: int, *, draws: bool = False) -> None:
        self.scenario = scenario
        self.rule: RuleT = rule
        self.name = f"{scenario}/{rule.name}"
        self._seed = seed
        self.tests: tuple[tuple[Condition, Callable[[object], bool]], ...] = tuple(
            (each, compiled(each)) for each in rule.when if each.field not in (CALL, ATTEMPT)
        )
        self._call_tests = tuple((each, compiled(each)) for each in rule.when if each.field == CALL)
        self.counts = bool(self._call_tests) or rule.chance < 1 or draws
        self.start()

    def start(self) -> None:
        """Nothing has happened yet."""
        self.matched = self.fired = self.failed = self.skipped = 0
        self.why_skipped = ""

    def meets(self, facts: Facts) -> bool:
        """Whether all conditions but those on the call and the attempt hold."""
        return all(test(facts.look(condition.field)) for condition, test in self.tests)

    def key(self, facts: Facts) -> str:
        """Whose call it is; nobody's are counted together, and a card is hashed, never kept."""
        per = self.rule.per
        match per:
            case Per.WORLD:
                return ""
            case Per.CUSTOMER:
                return _text(facts.look("customer_id"))
            case Per.PAYMENT:
                return _text(facts.look("payment_id"))
            case Per.CARD:
                return self._hash(facts.look("card"))
            case _:
                assert_never(per)

    def next_call(self, counters: Counters, key: str) -> int:
        """The number of this call among those of its key, counted from 1; 0 if nothing needs it."""
        return counters.bump(f"{self.name}\0call\0{key}") + 1 if self.counts else 0

    def wrong_call(self, call: int) -> Condition | None:
        """The condition on the number of the call that does not hold, if one does not."""
        return next((each for each, test in self._call_tests if not test(call)), None)

    def lost_draw(self, key: str, call: int) -> float | None:
        """The draw, when it has lost against the rule's chance."""
        if self.rule.chance >= 1:
            return None
        found = draw(self._seed, self.name, key, call)
        return found if found >= self.rule.chance else None

    def applies(self, facts: Facts, counters: Counters) -> tuple[str, int] | None:
        """Whether the rule applies, counted and drawn: the key and number of the call, or None."""
        if not self.meets(facts):
            return None
        key = self.key(facts)
        call = self.next_call(counters, key)
        if self.wrong_call(call) is not None:
            return None
        self.matched += 1
        if self.lost_draw(key, call) is not None:
            return None
        self.fired += 1
        return key, call

    def fire(self) -> None:
        """Note that the rule applies, when nothing had to be looked at."""
        self.matched += 1
        self.fired += 1

    def delay(self, delay: Delay, key: str, call: int) -> int:
        """A delay in milliseconds, drawn where it has to be."""
        if isinstance(delay, int):
            return delay
        return drawn(delay, draw(self._seed, f"{self.name}\0delay", key, call))

    def skip(self, why: str) -> None:
        """Note that a move of this rule had become illegal when it was due."""
        self.skipped += 1
        self.why_skipped = why

    def tally(self) -> tuple[int, int, int, int, str]:
        """What `restore` takes over."""
        return (self.matched, self.fired, self.failed, self.skipped, self.why_skipped)

    def restore(self, matched: int, fired: int, failed: int, skipped: int, why: str) -> None:
        """Take over the tally of a snapshot."""
        self.matched, self.fired, self.failed = int(matched), int(fired), int(failed)
        self.skipped, self.why_skipped = int(skipped), str(why)

    def _hash(self, number: object) -> str:
        if not isinstance(number, str):
            return ""
        key = str(self._seed).encode()
        return blake2b(number.encode("utf-8", "replace"), digest_size=8, key=key).hexdigest()


def _text(value: object) -> str:
    return "" if value is None else mask_text(str(value))
