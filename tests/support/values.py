"""Owns values that tests send and compare: bodies, card numbers, faults, snapshots."""

import copy
import json
import re
from collections.abc import Generator, Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, Final, TypeVar

from payments_sandbox.client.models import CoverageModel
from payments_sandbox.core.card_numbers import passes_luhn
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.fault import Example, Fault
from payments_sandbox.rules.faults.reply import RealReply, Send, WaitUntil
from payments_sandbox.rules.magic_cards import MAGIC_CARDS, card_is
from payments_sandbox.rules.model import CardRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.scenario import Scenario
from tools.faults import spelling

LONGEST_WAIT: Final = 120
"""Seconds after which a test stops waiting, enough even for a very busy machine."""


KEY = "sk_test_sandbox"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


HOLD: Final[dict[str, Any]] = {
    "scenario": "hold-next",
    "rules": [{"name": "wait", "request": "create_payment", "do": [{"hold": {"for": "10m"}}]}],
}
"""A scenario that holds the next create."""


def documented_create(**changes: object) -> dict[str, Any]:
    """Return the documented create body; a change to None removes the field."""
    body: dict[str, Any] = {
        "amount": 2500,
        "currency": "USD",
        "payment_method": {
            "type": "card",
            "card_number": "4111111111111111",
            "exp_month": 12,
            "exp_year": 2099,  # far enough away that no test depends on the day
            "cvc": "123",
        },
        "description": "Payment for order #12345",
        "customer_id": "cust_abc123",
    }
    for name, value in changes.items():
        target = body["payment_method"] if name in body["payment_method"] else body
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value
    return body


def documented_refund(**changes: object) -> dict[str, Any]:
    """Return the documented refund body; a change to None removes the field."""
    body: dict[str, Any] = {
        "amount": 1000,
        "reason": "customer_request",
        "description": "Refund for returned item",
    }
    body.update(changes)
    return {name: value for name, value in body.items() if value is not None}


PENDING, DECLINED = "4000009900000012", "4000000000000002"


class Matching:
    """Equals every string that the pattern matches completely."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"<a string like {self._pattern.pattern}>"


PAYMENT_ID = Matching("pay_[A-Za-z0-9]+")
REFUND_ID = Matching("ref_[A-Za-z0-9]+")
EVENT_ID = Matching("evt_[A-Za-z0-9]+")
CHARGEBACK_ID = Matching("chb_[A-Za-z0-9]+")
REQUEST_ID = Matching("req_[A-Za-z0-9]+")
API_KEY = Matching("sk_test_[A-Za-z0-9]+")
MILLISECOND = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
WHOLE_SECOND = Matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

FAILED_BUT_CHARGED: Final[dict[str, object]] = {
    "scenario": "charged",
    "rules": [
        {
            "name": "failed-but-charged",
            "request": "create_payment",
            "do": [{"respond": {"error": "internal_error", "commit": True}}],
        }
    ],
}

PAID_ONCE: Final = {"payments": {"status": "completed"}, "count": 1}
CLEAN_AUDIT: Final = {"audit": "clean"}

WEBHOOK_SOON: Final = {"webhook": "payment.completed", "acknowledged": True, "within": "1m"}
"""An expectation that is awaited; without an endpoint it is never met."""


def with_check_digit(start: str) -> str:
    """Return the digits followed by a valid check digit."""
    return next(start + digit for digit in "0123456789" if passes_luhn(start + digit))


def of_length(prefix: str, length: int) -> str:
    """Return a valid number with a prefix and a length."""
    return with_check_digit(prefix.ljust(length - 1, "1"))


def in_groups(number: str, separator: str) -> str:
    """Return the number in groups of four."""
    return separator.join(re.findall(".{1,4}", number))


def digits_of(text: str) -> str:
    """Return the text without separators between groups of digits."""
    return re.sub(r"(?<=[0-9])(?:%20|[ .+-])(?=[0-9])", "", text)


CVC3, CVC4 = "873", "8731"
"""Security codes that are part of no id, date, amount or secret of these tests."""


def leaks(outputs: Iterable[object], numbers: Iterable[str] | None = None) -> list[str]:
    """Return the card numbers in the outputs, written together or in groups."""
    sought = list(numbers or (card.number for card in MAGIC_CARDS))
    text = "\n".join(map(written, outputs))
    texts = (text, digits_of(text))
    return sorted({number for number in sought if any(number in text for text in texts)})


def codes_in(outputs: Iterable[object]) -> list[str]:
    """Return the outputs that contain the security code as a separate value."""
    texts = (written(output) for output in outputs)
    return [text for text in texts if any(sign in text for sign in _AS_VALUES)]


def written(output: object) -> str:
    """Return an output as text: unchanged, as JSON, or as its repr."""
    if isinstance(output, str):
        return output
    if isinstance(output, bytes):
        return output.decode("utf-8", "replace")
    try:
        return json.dumps(output, ensure_ascii=False)
    except TypeError:
        return repr(output)


_AS_VALUES = tuple(
    form.format(code)
    for code in (CVC3, CVC4)
    for form in ('"{}"', "'{}'", ": {},", ": {}}}", ":{},", "={}&")
)

JsonPath = tuple[Any, ...]


def all_paths(value: object, path: JsonPath = ()) -> Iterator[JsonPath]:
    """Yield the path of everything in a JSON value except the value itself."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from all_paths(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from all_paths(item, (*path, place))


def value_at(value: Any, path: JsonPath) -> Any:  # noqa: ANN401 - JSON
    """Return the value at a path."""
    for step in path:
        value = value[step]
    return value


def with_value(kept: dict[str, Any], path: JsonPath, value: object) -> dict[str, Any]:
    """Return the snapshot with another value at a path, or with a new key."""
    bad, holder = _copied(kept, path)
    holder[path[-1]] = value
    return bad


def without(kept: dict[str, Any], path: JsonPath) -> dict[str, Any]:
    """Return the snapshot without the value at a path."""
    bad, holder = _copied(kept, path)
    del holder[path[-1]]
    return bad


def _copied(kept: dict[str, Any], path: JsonPath) -> tuple[dict[str, Any], Any]:
    bad = kept.copy()
    if len(path) > 1:
        bad[path[0]] = copy.deepcopy(kept[path[0]])
    return bad, value_at(bad, path[:-1])


T = TypeVar("T")


def run_to_end(steps: Generator[None, None, T]) -> tuple[T, int]:
    """Run all steps, and return their result and number."""
    taken = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value, taken
        taken += 1


REAL_BODY: Final = b'{"id":"pay_1","status":"completed"}'

REAL_REPLY: Final = RealReply(
    201, {"Content-Type": "application/json", "X-Real": "1"}, REAL_BODY, date="now", max_wait=60_000
)

REAL_HEAD: Final = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-Real: 1\r\n"
    b"Content-Length: 35\r\nDate: now\r\n\r\n"
)
"""The head of the real reply."""

FAULT_PARTS: Final = (
    "name", "reply_arrives", "needs_commit", "SCHEMA", "EXAMPLES", "EXPLORED", "ROW", "SECTION",
    "parse", "fields", "from_journal", "plan",
)  # fmt: skip
"""What each fault defines in its class."""


def bytes_sent(fault: Fault, reply: RealReply = REAL_REPLY) -> bytes:
    """Return all bytes that a plan sends."""
    return b"".join(each.data for each in fault.plan(reply) if isinstance(each, Send))


def body_sent(fault: Fault, reply: RealReply = REAL_REPLY) -> bytes:
    """Return the bytes after the head."""
    return bytes_sent(fault, reply).partition(b"\r\n\r\n")[2]


def lines_sent(fault: Fault, reply: RealReply = REAL_REPLY) -> list[str]:
    """Return the lines of the head."""
    return bytes_sent(fault, reply).partition(b"\r\n\r\n")[0].decode().split("\r\n")


SHORT_WAIT: Final = 0.6
"""The timeout in seconds of clients for faults that last longer."""

FAULT_EXAMPLES: Final[dict[str, tuple[type[Fault], Example]]] = {
    spelling(fault, example): (fault, example) for fault in FAULTS for example in fault.EXAMPLES
}
"""Every example by its spelling in scenarios, without `commit`."""

FAULT_SPELLINGS: Final = tuple(FAULT_EXAMPLES)


def fault_of(spelled: str, *, commit: bool = True) -> Fault:
    """Return the fault with a spelling."""
    fault, example = FAULT_EXAMPLES[spelled]
    plain = {**example.plain, "commit": commit} if fault.may_commit() else example.plain
    return fault.parse(plain, is_read=False)


def fault_seconds(fault: Fault) -> float:
    """Return the seconds that a fault takes if the server allows a minute."""
    reply = RealReply(201, {}, b'{"id":"pay_1"}', max_wait=60_000)
    waits = [each.milliseconds for each in fault.plan(reply) if isinstance(each, WaitUntil)]
    return max(waits, default=0) / 1_000


def fault_card(spelled: str, *, commit: bool = True) -> str:
    """Return the card that meets this fault."""
    return of_length(f"40000098{int(commit)}{FAULT_SPELLINGS.index(spelled):02}", 16)


def fault_cards() -> tuple[CardRule, ...]:
    """Return the rules of those cards."""
    return tuple(
        RequestRule(
            f"card:{spelled}",
            "create_payment",
            card_is(fault_card(spelled, commit=commit)),
            (Step(fault_of(spelled, commit=commit)),),
            Per.CUSTOMER,
            Then.REPEAT_LAST,
        )
        for commit in (True, False)
        for spelled in FAULT_SPELLINGS
    )


def scenario_of_fault(fault: Fault) -> Scenario:
    """Return a scenario in which every call meets one fault."""
    rule = RequestRule("faulty", "*", (), (Step(fault),), then=Then.REPEAT_LAST)
    return Scenario("faulty", {}, rules=(rule,))


MetCall = tuple[str, str | None, bool | None, int]
"""Operation, failure, commit and count."""


def tally(*calls: MetCall, webhooks: tuple[tuple[str, str | None, int], ...] = ()) -> CoverageModel:
    """Return what `GET /_sandbox/coverage` shows for these counts."""
    return {
        "calls": [
            {"operation": operation, "failure": failure, "commit": commit, "count": count}
            for operation, failure, commit, count in calls
        ],
        "webhooks": [
            {"event": event, "failure": failure, "count": count}
            for event, failure, count in webhooks
        ],
    }


class _Markup(HTMLParser):
    """Finds tags that a browser would show as text, or would close itself."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.problems: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as in the base class
        """Handle an opening tag, except of an element without an end tag."""
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Handle a closing tag."""
        if self.open.pop() != tag:
            self.problems.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Look for invalid tags."""
        self.problems += re.findall("<[^>]*>?", data)


def broken_markup(page: str) -> list[str]:
    """Return the tags of an HTML page that are invalid or not closed correctly."""
    markup = _Markup()
    markup.feed(page)
    markup.close()
    return markup.problems + markup.open
