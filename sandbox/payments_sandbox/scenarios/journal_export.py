"""Owns the export of the journal: a scenario that repeats what happened to past requests.

Similar calls, such as several attempts of one payment, become one rule with a step for each. A call
becomes the step of the rule that answered it, if that rule is known, and otherwise a step that is
derived from the journal. Successful calls become steps only if a later one failed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from payments_sandbox.contract.operations import READS
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.wording import first_of
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import EXHAUSTS_RATE_LIMIT, SAYS_RATE_LIMITED
from payments_sandbox.scenarios.parser import parse_step
from payments_sandbox.scenarios.yaml_writer import Source, step_source
from payments_sandbox.verification.journal_steps import journal_step
from payments_sandbox.verification.observed import ObservedCall, observed_calls
from payments_sandbox.world.world import World

LIMITED: Final = 429

_FIELDS: Final = {
    "create_payment": ("customer_id", "amount", "currency", "description"),
    "retrieve_payment": ("customer_id", "amount", "currency", "description"),
    "create_refund": ("customer_id", "amount", "currency", "description", "reason"),
    "list_payments": ("customer_id", "status"),
}
"""The fields that distinguish calls of an operation, the most familiar ones first.

A payment is described by its properties, because its id differs in another world.
"""

_UNWRITABLE: Final = object()
_IDS_SHOWN: Final = 5
_MAX_VALUES: Final = 100
"""How many values a matcher can list."""

_MAX_TEXT: Final = 500
_MAX_AMOUNT: Final = 999_999_999
_WORDS: Final = {"currency": re.compile("[A-Z]{3}"), "status": re.compile("|".join(Status))}


def scenario_from_journal(world: World, ids: Sequence[str], name: str) -> Source:
    """Write a scenario that repeats what happened to these requests, which may be in any order.

    Returns:
        The scenario in plain values, as in YAML and JSON.

    Raises:
        InvalidRequest: an id is unknown or not of an operation, or no call met anything unusual.
    """
    exported = _calls_to_export(world, ids)
    steps = {call.id: step for call, step in _calls_with_steps(world, exported)}
    rules: list[Source] = []
    for operation, when, calls in _group_calls(world, exported):
        if run := _joined_steps((steps[call.id] for call in calls), is_read=operation in READS):
            rule = {"name": f"{operation}-{len(rules) + 1}", "request": operation}
            rules.append(rule | ({"when": when} if when else {}) | {"do": run})
    if not rules:
        raise InvalidRequest(
            "/requests: expected a request that met an error, a fault or a delay; none of these"
            " did. GET /_sandbox/requests shows what each request met."
        )
    about = f"What the journal recorded for {first_of([call.id for call in exported], _IDS_SHOWN)}."
    return {"scenario": name, "about": about, "tags": ["from-journal"], "rules": rules}


def _calls_to_export(world: World, ids: Sequence[str]) -> list[ObservedCall]:
    """The calls with these ids, in the order of their arrival."""
    found: dict[int, ObservedCall] = {}
    wrong: list[str] = []
    for position, each in enumerate(ids):
        entry = world.journal.find(each)
        if entry is None:
            wrong.append(f"/requests/{position}: expected the id of a request in the journal")
        elif entry.operation is None:
            wrong.append(f"/requests/{position}: expected a request of a documented operation")
        else:
            found[entry.number] = ObservedCall(world, entry)
    if wrong:
        raise InvalidRequest(f"{'; '.join(wrong)}. GET /_sandbox/requests lists what exists.")
    return [found[number] for number in sorted(found)]


def _calls_with_steps(
    world: World, exported: Sequence[ObservedCall]
) -> Iterator[tuple[ObservedCall, Step]]:
    """Yield each call with its step, in order.

    If no later call gets through, a 429 becomes a step that really exhausts the limiter. Before a
    call that does get through, it becomes a mere reply, since a scenario cannot start a new hour.
    """
    not_limited = [place for place, call in enumerate(exported) if call.entry.status != LIMITED]
    last = not_limited[-1] if not_limited else -1
    for place, call in enumerate(exported):
        if call.entry.decided is not None:
            yield call, parse_step(call.entry.decided, is_read=call.entry.operation in READS)
        elif call.entry.status != LIMITED:
            yield call, journal_step(world, call)
        elif place <= last:
            yield call, Step(SAYS_RATE_LIMITED)
        elif place == last + 1:
            yield call, Step(EXHAUSTS_RATE_LIMIT)
        else:
            yield call, Step()  # the exhausted limiter answers


def _joined_steps(steps: Iterable[Step], *, is_read: bool) -> list[Source | str]:
    """The steps as written in a file: equal neighbours joined, without a normal one at the end."""
    found = [(step, sum(1 for _ in equal)) for step, equal in groupby(steps)]
    if found and found[-1][0] == Step():
        found.pop()
    return [step_source(step._replace(times=times), is_read=is_read) for step, times in found]


def _group_calls(
    world: World, exported: Sequence[ObservedCall]
) -> Iterator[tuple[str, Source, list[ObservedCall]]]:
    """Yield groups of similar calls, each with its operation and matchers that only it meets."""
    groups: dict[_CallKey, list[ObservedCall]] = {}
    for call in exported:
        groups.setdefault(_key_of(call), []).append(call)
    everything = dict.fromkeys(map(_key_of, observed_calls(world)))
    for key, calls in groups.items():
        others = [
            dict(other.fields)
            for other in everything
            if other.operation == key.operation and other != key
        ]
        yield key.operation, _matchers(dict(key.fields), others), calls


class _CallKey(NamedTuple):
    """What distinguishes a call: the value of each field, or None if it has none.

    A value that no matcher can express, such as one with a masked number, is `_UNWRITABLE`.
    """

    operation: str
    fields: tuple[tuple[str, object], ...]


def _key_of(call: ObservedCall) -> _CallKey:
    operation = call.entry.operation or ""
    fields = _FIELDS[operation]
    if call.payment_id is not None and call.fields.get("status") is None:
        # The payment does not exist, so its id means the same in any world.
        fields = ("payment_id", *fields)
    values = ((field, call.fields.get(field)) for field in fields)
    return _CallKey(
        operation,
        tuple(
            (field, value if _is_writable(field, value) else _UNWRITABLE) for field, value in values
        ),
    )


def _is_writable(field: str, value: object) -> bool:
    match value:
        case None:
            return True
        case int() if field == "amount":
            return not isinstance(value, bool) and 0 <= value <= _MAX_AMOUNT
        case str() if field in _WORDS:
            return _WORDS[field].fullmatch(value) is not None
        case str() if field != "amount":
            return len(value) <= _MAX_TEXT and "*" not in value
        case _:
            return False


def _matchers(fields: Source, others: Sequence[Source]) -> Source:
    """As few matchers as only this call meets: first values, then fields that it lacks."""
    when: Source = {}
    remaining = list(others)
    for field, value in sorted(fields.items(), key=_rank):
        indistinct = [other for other in remaining if other.get(field) == value]
        if len(indistinct) < len(remaining) or not (when or _rank((field, value))):
            when[field] = _matcher(value, [other.get(field) for other in remaining])
            remaining = indistinct
    return when


def _rank(field: tuple[str, object]) -> int:
    return (field[1] is None) + 2 * (field[1] is _UNWRITABLE)


def _matcher(value: object, others: Iterable[object]) -> object:
    """A matcher that a value meets and those of other calls do not."""
    if value is None:
        return {"exists": False}
    if value is not _UNWRITABLE:
        return value
    known = {each: None for each in others if each is not None and each is not _UNWRITABLE}
    return {"exists": True} | ({"not_in": list(known)[:_MAX_VALUES]} if known else {})
