"""Holds the audit to what it finds, to what it lets pass, and to the requests that it names."""

import pytest

from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.core.instants import HOUR, MINUTE, SECOND
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.verification.audit import audit_as_json
from payments_sandbox.verification.findings import FINDING_KINDS
from tests.support.history import History
from tests.support.scenes import rules_of

LOST = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")
DOWN = rules_of("- {request: create_payment, do: [{respond: {error: internal_error}, times: 2}]}")
CHARGED = rules_of(
    "- {request: create_payment, do: [{respond: {error: internal_error, commit: true}}]}"
)
CREATE = "The payment of 2500 USD for cust_abc123"


def test_a_client_that_does_everything_right() -> None:
    """Nothing is found."""
    history = History(LOST)
    history.pay()
    history.wait(2 * SECOND)
    history.look("customer_id=cust_abc123")
    history.call("retrieve_payment", payment_id=history.payment())
    history.call("create_refund", {"amount": 5}, payment_id=history.payment())
    history.receive(200)

    assert history.findings() == []
    assert audit_as_json(history.findings()) == {"clean": True, "findings": []}


@pytest.mark.parametrize("scene", [LOST, CHARGED], ids=["lost", "charged but 500"])
def test_a_payment_that_is_made_again_after_its_reply_was_lost(scene: Scenario) -> None:
    """Possible double charge, and blind too."""
    history = History(scene)
    first = history.pay()
    history.wait(SECOND)
    second = history.pay()

    assert history.found() == [
        ("possible_double_charge", (first, second)),
        ("blind_retry", (first, second)),
    ]
    assert [each.message for each in history.findings()] == [
        f"{CREATE} may have been charged 2 times.",
        f"{CREATE} was sent again although nobody had looked for it.",
    ]


def test_a_payment_of_nobody_that_is_made_again() -> None:
    """It is told without a customer: a payment need not have one."""
    history = History(LOST)
    history.pay(customer_id=None)
    history.pay(customer_id=None)

    assert [each.message for each in history.findings()] == [
        "The payment of 2500 USD may have been charged 2 times.",
        "The payment of 2500 USD was sent again although nobody had looked for it.",
    ]


def test_a_customer_whose_name_is_none_is_somebody() -> None:
    """A payment without a customer is no repetition of theirs."""
    history = History(LOST)
    history.pay(customer_id="None")
    history.pay(customer_id=None)

    assert history.found() == []


def test_a_payment_that_is_made_again_although_it_was_looked_for() -> None:
    """Looking is not enough."""
    history = History(LOST)
    first = history.pay()
    history.look()
    second = history.pay()

    assert history.found() == [("possible_double_charge", (first, second))]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 5},
        {"currency": "EUR"},
        {"customer_id": "ben"},
        {"description": "another"},
        {"customer_id": None},
    ],
    ids=str,
)
def test_another_payment_is_no_repetition(changes: dict[str, object]) -> None:
    """Customer, amount, currency and description make it the same."""
    history = History(LOST)
    history.pay()
    history.pay(**changes)

    assert history.found() == []


def test_the_same_payment_much_later_is_no_repetition() -> None:
    """Ten minutes of virtual time."""
    history = History(LOST)
    history.pay()
    history.look()
    history.wait(10 * MINUTE + 1)
    history.pay()

    assert history.found() == []


def test_two_equal_payments_that_are_both_answered() -> None:
    """A customer may buy twice."""
    history = History()
    history.pay()
    history.pay()

    assert history.found() == []


def test_a_chain_of_lost_replies_is_one_finding() -> None:
    """And a later order of the same kind none."""
    history = History(
        rules_of("- {request: create_payment, do: [{drop: {commit: true}, times: 2}]}")
    )
    ids = [history.pay() for _ in range(4)]

    assert history.found()[0] == ("possible_double_charge", tuple(ids[:3]))


def test_a_retry_of_what_never_happened_is_blind_all_the_same() -> None:
    """The client could not know; a list that failed tells nothing."""
    history = History(DOWN, rules_of("- {request: list_payments, do: [{drop: {}}]}", name="lists"))
    first = history.pay()
    second = history.pay()
    history.look()
    third = history.pay()

    assert history.found() == [("blind_retry", (first, second, third))]


def test_a_retry_after_a_refusal_is_not_blind() -> None:
    """400 and 429 say that nothing happened."""
    history = History()
    history.pay(amount=0)
    history.pay(amount=0)
    history.world.limiter.set(limit=None, remaining=0)
    history.pay()
    history.wait(HOUR)
    history.pay()

    assert history.found() == []


def test_calls_before_the_rate_limit_is_back() -> None:
    """All of one wait in one finding."""
    history = History()
    history.world.limiter.turn(history.world.clock.now())
    history.world.limiter.set(limit=None, remaining=0)
    ids = []
    for _ in range(3):
        ids.append(history.look())
        history.wait(5 * SECOND)

    assert history.found() == [("ignored_rate_limit", tuple(ids))]
    assert [each.message for each in history.findings()] == [
        "2 calls came back before the rate limit was reset."
    ]


def test_a_client_that_waits_for_the_rate_limit() -> None:
    """On the world's clock, or as long as it said in real time; or somebody has raised it."""
    live, frozen, raised = History(), History(frozen=True), History()
    for history in (live, frozen, raised):
        history.world.limiter.turn(history.world.clock.now())
        history.world.limiter.set(limit=None, remaining=0)
        history.look()
    live.wait(HOUR)
    frozen.wait(HOUR)
    raised.world.limiter.set(limit=None, remaining=5)
    for history in (live, frozen, raised):
        history.look()

    assert [history.found() for history in (live, frozen, raised)] == [[], [], []]


@pytest.mark.parametrize(
    ("took", "after", "has_seen"), [(50.0, 10, False), (0.9, 0, True), (1.2, 0, False)]
)
def test_calls_that_are_under_way_at_once_ignore_nothing(
    took: float, after: int, *, has_seen: bool
) -> None:
    """The second had not seen the refusal of the first; the wall is read in whole milliseconds."""
    history = History()
    history.world.limiter.turn(history.world.clock.now())
    history.world.limiter.set(limit=None, remaining=0)
    history.look()
    first = next(history.world.journal.before(None))
    first.duration_ms = took
    history.wait(after)
    history.look()

    assert [kind for kind, _ in history.found()] == ["ignored_rate_limit"] * has_seen


def test_a_card_number_where_text_belongs() -> None:
    """In a payment or in a refund; the number itself is nowhere."""
    history = History()
    card = "4111111111111111"
    ids = [history.pay(description=f"card {card}"), history.pay(customer_id=card)]
    ids.append(history.call("create_refund", {"reason": card}, payment_id=history.payment()))

    assert history.found() == [("card_number_leak", tuple(ids))]
    assert card not in str(history.findings())


def test_a_list_that_is_left_in_the_middle() -> None:
    """It has more, and nobody asks."""
    history = History()
    for amount in range(1, 4):
        history.pay(amount=amount)
    left = history.look("limit=1")

    assert history.found() == [("paging_ignored", (left,))]


def test_a_list_that_is_read_to_its_end() -> None:
    """Page by page."""
    history = History()
    for amount in range(1, 4):
        history.pay(amount=amount)
    for cursor in ("", f"&starting_after={history.payment(2)}"):
        history.look(f"limit=1{cursor}")
    history.look(f"limit=2&starting_after={history.payment(1)}")

    assert history.found() == []


def test_a_payment_that_is_polled_without_a_pause() -> None:
    """Three reads within less than a second of each other; other reads do not matter."""
    history = History()
    history.pay()
    ids = []
    for _ in range(3):
        ids.append(history.call("retrieve_payment", payment_id=history.payment()))
        history.look()
        history.wait(2 * SECOND if len(ids) == 3 else 999)
    history.call("retrieve_payment", payment_id=history.payment())
    path = f"/v3/payments/{history.payment()}"

    assert [each.message for each in history.findings()] == [
        f"{path} was read 3 times with less than a second between.",
        "/v3/payments was read 3 times with less than a second between.",
    ]
    assert history.found()[0] == ("polling_too_fast", tuple(ids))


def test_a_payment_that_is_polled_with_a_pause() -> None:
    """Once a second is fast enough, and twice is no poll."""
    history = History()
    history.pay()
    for _ in range(5):
        history.call("retrieve_payment", payment_id=history.payment())
        history.wait(SECOND)
    for _ in range(2):
        history.look()

    assert history.found() == []


def test_a_payment_that_is_polled_while_the_worlds_clock_is_advanced() -> None:
    """A second has passed on that clock, so a test need not sleep."""
    history = History(frozen=True)
    history.pay()
    for _ in range(5):
        history.call("retrieve_payment", payment_id=history.payment())
        history.advance(SECOND)

    assert history.found() == []


def test_a_list_that_is_read_again_because_it_failed() -> None:
    """Who has got no answer does not poll; who has got one does, and three are too many."""
    history = History(rules_of("- {request: list_payments, do: [{drop: {}, times: 5}]}"))
    for _ in range(7):
        history.look()
    assert history.found() == []

    history.look()
    assert [kind for kind, _ in history.found()] == ["polling_too_fast"]


@pytest.mark.parametrize(
    ("kind", "forged", "stale"),
    [("forged_delivery_accepted", True, False), ("stale_delivery_accepted", False, True)],
)
def test_a_delivery_that_should_have_been_refused(kind: str, forged: bool, stale: bool) -> None:  # noqa: FBT001 - a table
    """It was answered with a 2xx."""
    history = History()
    history.receive(400, None, is_forged=forged, is_stale=stale)
    taken = history.receive(500, 204, is_forged=forged, is_stale=stale)

    assert history.found() == [(kind, (taken,))]


def test_a_delivery_that_is_handled_twice() -> None:
    """A refund after each."""
    history = History()
    history.pay()
    paid = history.payment()
    first = history.receive(200, payment_id=paid)
    history.wait(SECOND)
    one = history.call("create_refund", {"amount": 5}, payment_id=paid)
    history.wait(SECOND)
    second = history.receive(200, payment_id=paid)
    history.wait(SECOND)
    other = history.call("create_refund", {"amount": 5}, payment_id=paid)

    assert history.found() == [("duplicate_handled_twice", (first, one, second, other))]


def test_a_delivery_that_is_handled_three_times() -> None:
    """One finding an event, which counts them."""
    history = History()
    history.pay()
    paid = history.payment()
    ids = []
    for _ in range(3):
        ids.append(history.receive(200, payment_id=paid))
        ids.append(history.call("create_refund", {"amount": 5}, payment_id=paid))
        history.wait(SECOND)

    assert history.found() == [("duplicate_handled_twice", tuple(ids))]
    assert (
        history.findings()[0].message == "evt_1 was handled 3 times: a refund was made each time."
    )


def test_deliveries_that_tell_of_refunds() -> None:
    """A refund before them and one after them are what they are about."""
    history = History()
    history.pay()
    paid = history.payment()
    for _ in range(3):
        history.receive(200, event="refund.created", payment_id=paid)
        history.call("create_refund", {"amount": 5}, payment_id=paid)
        history.wait(SECOND)

    assert history.found() == []


def test_a_delivery_that_is_handled_once() -> None:
    """The second refund is of another payment, or refused, or the delivery was."""
    history = History()
    history.pay()
    history.pay(amount=5)
    paid = history.payment()
    history.receive(200, payment_id=paid)
    history.call("create_refund", {"amount": 5}, payment_id=paid)
    history.wait(SECOND)
    history.receive(500, payment_id=paid)
    history.receive(200, payment_id=paid)
    history.receive(200, event_id="evt_2", payment_id=paid)
    history.wait(SECOND)
    history.call("create_refund", {"amount": 5}, payment_id=history.payment(1))
    history.call("create_refund", {"amount": 9_999_999}, payment_id=paid)

    assert history.found() == []


def test_every_kind_has_its_advice() -> None:
    """A finding without one would be a riddle."""
    assert all(kind.advice.endswith(".") for kind in FINDING_KINDS)


def test_findings_are_listed_by_kind() -> None:
    """In the shape of the control API."""
    history = History(LOST)
    ids = [history.pay(), history.pay()]
    shown = audit_as_json(history.findings())

    assert load_contract().problems("control/responses/audit", shown) == []
    assert shown == {
        "clean": False,
        "findings": [
            {
                "kind": kind,
                "message": f"{CREATE} {message}",
                "advice": {each.name: each.advice for each in FINDING_KINDS}[kind],
                "requests": ids,
            }
            for kind, message in (
                ("possible_double_charge", "may have been charged 2 times."),
                ("blind_retry", "was sent again although nobody had looked for it."),
            )
        ],
    }
