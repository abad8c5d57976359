"""Owns the family of failures that calls and webhooks can meet, and how to cause each.

Coverage of failure has a row for each of them, and `explore` tries them. A call can meet the errors
that its operation documents, in the order of `contract/error_codes.py`, and one example of each
wire fault. A webhook can meet the `WEBHOOK_FAILURES`.

Users choose failures by the names of sets, by their own names, or in a file.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from payments_sandbox.contract.error_codes import documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.instants import DAY, show_duration
from payments_sandbox.core.wording import nearest
from payments_sandbox.payments.events import EventType
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.reply import RealReply, Send

EVENTS: Final = tuple(each.value for each in EventType)
"""The documented events, all of which are sent as webhooks."""

_SERVER_ERRORS: Final = 500
"""From this status on, a client does not know whether the operation took effect."""


class CallFailure(NamedTuple):
    """A failure that a call can meet.

    Attributes:
        subject: the operation.
        name: the code of a documented error, or the name of a wire fault.
        about: a description, in a clause.
        step: the step of a scenario that causes it, including `commit`.
        commit: whether the operation takes effect in spite of it; None if there is no choice.
        is_on_wire: whether it is a wire fault or a delay instead of a documented error.
    """

    subject: str
    name: str
    about: str
    step: Mapping[str, Any]
    commit: bool | None = None
    is_on_wire: bool = False

    @property
    def id(self) -> str:
        """Its unique name within the operation, such as `drop_after_commit`."""
        return f"{self.name}_after_commit" if self.commit else self.name

    def rule(self, when: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The rule of a scenario that causes it once: at the first call, or at that of `when`.

        An example of `when` is `{"call": 2, "customer_id": "cust_ada"}`.
        """
        named = {"name": self.id.replace("_", "-"), "request": self.subject}
        return named | ({"when": dict(when)} if when else {}) | {"do": [dict(self.step)]}


class WebhookFailure(NamedTuple):
    """A failure that the webhook of an event can meet.

    Attributes:
        name: its name.
        about: a description, in a clause.
        modifiers: the `do` of a webhook rule that causes it.
        first_attempt: whether only the first attempt meets it, so that a genuine one follows.
        subject: the event; empty in `WEBHOOK_FAILURES`, which apply to any event.
    """

    name: str
    about: str
    modifiers: Mapping[str, Any]
    first_attempt: bool = False
    subject: str = ""

    @property
    def id(self) -> str:
        """Its unique name within the event."""
        return self.name

    def rule(self, when: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The rule of a scenario that causes it, for all deliveries or those of `when`."""
        matchers = {**(when or {}), **({"attempt": 1} if self.first_attempt else {})}
        named = {"name": self.id.replace("_", "-"), "webhook": self.subject}
        return named | ({"when": matchers} if matchers else {}) | {"do": dict(self.modifiers)}


Failure = CallFailure | WebhookFailure


class _WireFault(NamedTuple):
    """A wire fault for any operation; the step has no `commit` yet."""

    name: str
    about: str
    step: Mapping[str, Any]
    has_commit: bool


_EXPLORED: Final = {fault: explored for fault in FAULTS if (explored := fault.EXPLORED) is not None}

WIRE_FAULTS: Final = (
    *(
        _WireFault(fault.name, about, {fault.name: plain}, fault.may_commit())
        for fault, (about, plain) in _EXPLORED.items()
    ),
    _WireFault("slow", "the reply comes late", {"delay": "2500ms"}, has_commit=False),
)
"""What every operation can meet on the wire: each explored fault, and a late reply."""

LATE: Final = frozenset({"slow", *(fault.name for fault in _EXPLORED if fault.reply_arrives)})
"""Failures in which the reply arrives, but late."""

WAITING: Final = LATE | {fault.name for fault in _EXPLORED if fault.wall_time is not None}
"""Failures that take time."""


def _sends(fault: type[Fault]) -> bool:
    explored = fault.parse({"commit": True, **_EXPLORED[fault].plain}, is_read=False)
    return any(isinstance(step, Send) for step in explored.plan(RealReply(200, {}, b"{}")))


UNREADABLE: Final = frozenset(fault.name for fault in _EXPLORED if _sends(fault)) - LATE
"""Failures in which a reply arrives that cannot be read."""

MONTH_LATE: Final = 30 * DAY
"""By how many virtual milliseconds a webhook is delayed that is a month late."""

WEBHOOK_FAILURES: Final = (
    WebhookFailure("lost", "it never arrives", {"drop": True}),
    WebhookFailure("twice", "it arrives twice", {"duplicate": {"copies": 2}}),
    WebhookFailure("late", "it arrives three seconds late", {"delay": "3s"}),
    WebhookFailure(
        "month_late", "it arrives a month late", {"delay": show_duration(MONTH_LATE)}
    ),
    WebhookFailure(
        "before_reply", "it arrives before the reply to the call that caused it",
        {"before_reply": True},
    ),
    WebhookFailure(
        "out_of_order", "it is held while others overtake it",
        {"reorder": {"window": "2s", "order": "reverse"}},
    ),
    WebhookFailure(
        "forged", (
            "it is signed with a wrong secret"
        ), {"signature": "wrong_secret"}, first_attempt=True
    ),
    WebhookFailure(
        "stale", "it was signed ten minutes ago", {"timestamp": "-10m"}, first_attempt=True
    ),
)  # fmt: skip
"""What the webhook of any event can meet; `webhook_failures` adds the event."""


def call_failures(operation: str) -> tuple[CallFailure, ...]:
    """Every failure of an operation: first documented errors, then wire faults.

    Raises:
        KeyError: there is no such operation.
    """
    is_read = BY_NAME[operation].method == "GET"
    return (*_errors(operation, is_read=is_read), *_wire_failures(operation, is_read=is_read))


def webhook_failures(event: str) -> tuple[WebhookFailure, ...]:
    """Every failure of an event's webhook."""
    return tuple(each._replace(subject=event) for each in WEBHOOK_FAILURES)


def all_failures() -> tuple[Failure, ...]:
    """Every failure of every operation, then of every event."""
    calls = (each for operation in BY_NAME for each in call_failures(operation))
    return (*calls, *(each for event in EVENTS for each in webhook_failures(event)))


def scenario_of(failure: Failure) -> dict[str, Any]:
    """Write the scenario that causes a failure, in plain values, as in YAML and JSON."""
    name = f"{failure.subject}-{failure.id}".replace("_", "-").replace(".", "-")
    about = f"{failure.subject}: {failure.about}."
    return {"scenario": name, "about": about, "rules": [failure.rule()]}


def _errors(operation: str, *, is_read: bool) -> Iterator[CallFailure]:
    for name, code in documented_for(operation).items():
        about = code.message[0].lower() + code.message[1:]
        if name == "rate_limit_exceeded":  # by the real limiter, so that the headers agree
            yield CallFailure(operation, name, about, {"rate_limit": {"remaining": 0}})
        elif code.status < _SERVER_ERRORS or is_read:
            yield CallFailure(operation, name, about, {"respond": {"error": name}})
        else:
            for commit, what in _COMMITS:
                step = {"respond": {"error": name, "commit": commit}}
                yield CallFailure(operation, name, f"{about}, {what}", step, commit)


def _wire_failures(operation: str, *, is_read: bool) -> Iterator[CallFailure]:
    for fault in WIRE_FAULTS:
        if is_read or not fault.has_commit:
            yield CallFailure(operation, fault.name, fault.about, fault.step, is_on_wire=True)
            continue
        [(key, value)] = fault.step.items()
        for commit, what in _COMMITS:
            step = {key: {"commit": commit, **value}}
            about = f"{fault.about}, {what}"
            yield CallFailure(operation, fault.name, about, step, commit, is_on_wire=True)


_COMMITS: Final = (
    (True, "although the operation took effect"),
    (False, "and nothing happened"),
)
"""The values of `commit` with their descriptions, the worse one first."""


def _ids_of(failures: Iterable[Failure]) -> frozenset[str]:
    return frozenset(each.id for each in failures)


_OF_CALLS: Final = [each for each in all_failures() if isinstance(each, CallFailure)]

SETS: Final = {
    "all": _ids_of(all_failures()),
    "calls": _ids_of(_OF_CALLS),
    "errors": _ids_of(each for each in _OF_CALLS if not each.is_on_wire),
    "wire": _ids_of(each for each in _OF_CALLS if each.is_on_wire),
    "webhooks": _ids_of(WEBHOOK_FAILURES),
    "quick": frozenset(
        {
            "internal_error_after_commit", "drop_after_commit", "drop", "malform_after_commit",
            "malform", "card_declined", "refund_declined", "lost", "twice", "forged",
        }
    ),
}  # fmt: skip
"""The ids of the failures in each set; `quick` has the most frequent causes of bugs."""


def read_failures(text: str) -> frozenset[str]:
    """Read a choice of failures: names of failures and sets separated by commas, or a file.

    A file contains such names, one in each line, and comments after `#`.

    Raises:
        ValueError: a name is unknown, or there are no names.
    """
    names = [part.strip() for part in text.split(",")]
    if Path(text).is_file():
        lines = Path(text).read_text(encoding="utf-8").splitlines()
        names = [line.partition("#")[0].strip() for line in lines]
    wanted = [_ids_named(name) for name in names if name]
    if not wanted:
        raise ValueError(f"expected a failure or a set: {', '.join(SETS)}")
    return frozenset().union(*wanted)


def _ids_named(name: str) -> frozenset[str]:
    known = {each.name for each in all_failures()} | SETS["all"]
    if name in SETS:
        return SETS[name]
    if name in known:
        return frozenset({name})
    close = nearest(name, sorted({*known, *SETS}))
    hint = f"did you mean {close}?" if close else f"the sets are {', '.join(SETS)}"
    raise ValueError(f"there is no failure, set or file '{name}'; {hint}")
