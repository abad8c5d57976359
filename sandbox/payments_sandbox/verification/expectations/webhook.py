"""Owns the expectation `webhook`: how receivers handled deliveries, including forged ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from payments_sandbox.core.wording import counted
from payments_sandbox.payments.events import EVENT_FAMILIES, EventType
from payments_sandbox.rules.rule_engine import event_matches
from payments_sandbox.rules.schema_parts import Json, count_or_bounds, word
from payments_sandbox.verification.expectations.counting import Count, parse_count, saw
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)
from payments_sandbox.verification.observed import Observed, ObservedAttempt, ObservedDelivery


@dataclass(frozen=True, slots=True)
class WebhookCheck:
    """How deliveries of an event, or of a family such as `payment.*`, must be received.

    Attributes:
        event: the event or the family.
        acknowledged: whether each must be answered with a 2xx in the end; None allows both.
        attempts: how many attempts each may take.
        count: how many deliveries there must be.
        forged_refused: whether there must be forged ones, all of which were rejected.
    """

    event: str
    acknowledged: bool | None = None
    attempts: Count | None = None
    count: Count | None = None
    forged_refused: bool = False

    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Check each delivery of the event."""
        sent = [
            each for each in context.observed.deliveries if event_matches(self.event, each.type)
        ]
        why = "" if sent else context.observed.why_undelivered(self.event)
        if self.count is not None and not self.count.admits(len(sent)):
            expected = self.count.with_noun("delivery", "deliveries")
            observed = f"expected {expected}, {_saw_deliveries(sent)}{why}"
            is_final = self.count.is_exceeded_by(len(sent))
            return ExpectationResult(met=False, observed=observed, is_final=is_final)
        if not sent and self._concerns_each_delivery:
            return ExpectationResult(met=False, observed=f"saw no delivery{why}")
        checked = [(each, self._what_is_wrong(each)) for each in sent]
        if wrong := [(each, problem) for each, problem in checked if problem is not None]:
            first, problem = wrong[0]
            is_final = any(self._is_final(each) for each, _ in wrong)
            return ExpectationResult(
                met=False, observed=f"{problem}: {first.id}", is_final=is_final
            )
        if self.forged_refused and not any(_forged(each) for each in sent):
            return ExpectationResult(met=False, observed="saw no forged delivery")
        return ExpectationResult(met=True, observed=_saw_deliveries(sent))

    def needing_answers(self, observed: Observed) -> list[ObservedDelivery]:
        """The deliveries that must be answered before the expectation can be met."""
        return [
            each
            for each in observed.deliveries
            if each.is_pending
            and self._concerns_each_delivery
            and event_matches(self.event, each.type)
        ]

    @property
    def _concerns_each_delivery(self) -> bool:
        """Whether it makes a statement about every delivery, and so needs at least one."""
        return self.acknowledged is not None or self.attempts is not None or self.forged_refused

    def _is_final(self, sent: ObservedDelivery) -> bool:
        """Whether no further attempt can correct a delivery; an accepted one gets none."""
        return (
            not sent.is_pending
            or (self.attempts is not None and self.attempts.is_exceeded_by(len(sent.attempts)))
            or (self.forged_refused and any(each.is_accepted for each in _forged(sent)))
        )

    def _what_is_wrong(self, sent: ObservedDelivery) -> str | None:
        if self.acknowledged is not None and sent.is_delivered is not self.acknowledged:
            wanted = "an" if self.acknowledged else "no"
            return f"expected {wanted} acknowledgement, saw {_last_answer(sent)}"
        if self.attempts is not None and not self.attempts.admits(len(sent.attempts)):
            expected = self.attempts.with_noun("attempt", "attempts")
            return f"expected {expected}, saw {len(sent.attempts)}"
        if self.forged_refused and any(each.is_accepted for each in _forged(sent)):
            return "expected forged deliveries to be refused, saw one answered with a 2xx"
        return None


def _last_answer(sent: ObservedDelivery) -> str:
    """The result of the last attempt of a delivery, or why there was no attempt."""
    if not sent.attempts:
        return (
            "no attempt yet"
            if sent.is_pending
            else ("no attempt, because its endpoint is disabled")
        )
    status = sent.attempts[-1].status
    answer = "no answer" if status is None else str(status)
    return f"{answer} to the last of {counted(len(sent.attempts), 'attempt')}"


def _forged(sent: ObservedDelivery) -> list[ObservedAttempt]:
    return [each for each in sent.attempts if each.is_forged]


def _saw_deliveries(sent: Sequence[ObservedDelivery]) -> str:
    return saw([each.id for each in sent])


def _parse(plain: Json) -> WebhookCheck:
    return WebhookCheck(
        plain["webhook"],
        plain.get("acknowledged"),
        parse_count(plain.get("attempts")),
        parse_count(plain.get("count")),
        "forged" in plain,
    )


WEBHOOK: Final = ExpectationKind(
    key="webhook",
    docs=(
        "there were `count` deliveries; each was `acknowledged` with a 2xx, after this many"
        " `attempts`; and `forged` ones were `refused`"
    ),
    schema={
        "description": "How deliveries were received.",
        "x-hint": "webhook needs acknowledged, attempts, count or forged",
        "properties": {
            "webhook": word(
                "The event, or a family of events.", "an event", [*EventType, *EVENT_FAMILIES, "*"]
            ),
            "acknowledged": {
                "description": "Whether each was eventually answered with a 2xx.",
                "type": "boolean",
                "x-expected": "true or false",
            },
            "attempts": count_or_bounds("How many attempts each took."),
            "count": count_or_bounds("How many deliveries."),
            "forged": word("The outcome of the forged ones.", "refused", ["refused"]),
        },
        "anyOf": [
            {"required": ["acknowledged"]},
            {"required": ["attempts"]},
            {"required": ["count"]},
            {"required": ["forged"]},
        ],
    },
    examples=(
        {
            "webhook": "payment.completed",
            "acknowledged": True,
            "attempts": {"max": 3},
            "within": "30s",
        },
        {"webhook": "*", "count": {"min": 1}},
        {"webhook": "payment.completed", "forged": "refused"},
    ),
    parse=_parse,
)
