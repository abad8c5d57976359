"""Tests the path of a call through the emulated API: admission, order of checks, failures."""

import json
import logging
from typing import Any

import pytest

from payments_sandbox.api.call import Answer, Call, CallResult, HeldCall, Refusal
from payments_sandbox.api.gateway import HANDLERS, Gateway, key_in
from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidApiKey, InvalidRequest, NotFound, RequestTooLarge
from payments_sandbox.core.instants import HOUR, SECOND, Instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import finish
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.delays import Uniform
from payments_sandbox.rules.faults.fault import ABANDONED
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import Hold
from tests.support.http import envelope, invalid
from tests.support.in_process import (
    NOON,
    InProcessApi,
    call_of,
    contract,
    new_world,
    new_worlds,
    scenario_of,
    status_and_json,
)
from tests.support.tables import for_each
from tests.support.values import KEY, documented_create

GOOD = documented_create()
HELD = "rules: [{request: create_payment, do: [{hold: {for: 1m}, delay: 4ms}]}]"
NOT_LUHN = "4111111111111112"
HEADERS = {
    "X-RateLimit-Limit": "1000",
    "X-RateLimit-Remaining": "999",
    "X-RateLimit-Reset": str(NOON // 1_000 + 3_600),
}
FAILED = envelope("internal_error", "The sandbox itself failed; its log has the traceback.")


@pytest.fixture
def desk() -> InProcessApi:
    """A world frozen at noon, behind a gateway."""
    return InProcessApi(new_world())


def unknown(path: str, method: str = "GET", allow: str | None = None) -> Call:
    """Return a call that no operation answers."""
    return Call(None, method, path, (), allow=allow)


NO_KEY = "Send 'Authorization: Bearer sk_test_…'."
NO_SCHEME = "The Authorization header must be 'Bearer ' followed by the key."
NO_SHAPE = (
    "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
    " as in 'Authorization: Bearer sk_test_sandbox'."
)
UNADMITTED = {
    None: NO_KEY,
    "": NO_SCHEME,
    KEY: NO_SCHEME,
    f"Basic {KEY}": NO_SCHEME,
    f"Bearer{KEY}": NO_SCHEME,
    "Bearer ": NO_SHAPE,
    "Bearer sk_live_x": NO_SHAPE,
    f"Bearer {KEY}, Bearer {KEY}": NO_SHAPE,
}


@for_each("header", UNADMITTED, show=str)
def test_a_missing_or_malformed_key_gets_401_that_says_what_to_send(header: str | None) -> None:
    """The error quotes nothing of the header; there is no rate limit and no journal entry."""
    gateway = Gateway(new_worlds(), contract())
    with pytest.raises(InvalidApiKey) as caught:
        gateway.admit(key_in(header))
    answer = gateway.turn_away(caught.value)

    assert status_and_json(answer) == (401, envelope("invalid_api_key", UNADMITTED[header]))
    assert answer == Refusal(answer.reply, {"WWW-Authenticate": "Bearer"})


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY} "])
def test_a_bearer_key_is_admitted_with_the_scheme_in_any_case(header: str) -> None:
    """As RFC 9110 requires."""
    worlds = new_worlds()

    assert Gateway(worlds, contract()).admit(key_in(header)) is worlds.get_or_create(KEY)


def test_a_key_without_a_world_is_rejected_with_strict_keys() -> None:
    gateway = Gateway(new_worlds(Settings(strict_keys=True)), contract())
    with pytest.raises(InvalidApiKey, match="strict-keys"):
        gateway.admit("sk_test_alice")


def test_every_answer_has_the_documented_headers_and_no_others(desk: InProcessApi) -> None:
    """Successes and errors alike."""
    calls = [call_of("list_payments"), call_of("create_payment", {}), unknown("/v3/x")]
    left = []
    for call in calls:
        answer = desk.answer(call)
        left.append(answer.headers["X-RateLimit-Remaining"])
        assert answer.headers == {**HEADERS, "X-RateLimit-Remaining": left[-1]}

    assert left == ["999", "998", "997"]


BAD: dict[str, Any] = {**documented_create(card_number=NOT_LUHN, exp_year=2020, cvc="12"), "x": 1}


@pytest.mark.parametrize(
    ("cured", "status", "body"),
    [
        (0, 429, envelope("rate_limit_exceeded", "The hour ends at 2030-01-15T13:00:00Z on the"
                          " world's clock.")),
        (1, 400, None),
        (2, 400, envelope("invalid_card")),
        (3, 400, envelope("expired_card", (
            "The card's expiry date is in the past on the world's clock."
        ))),
        (4, 400, envelope("invalid_cvc", "The cvc of this brand has 3 digits.")),
    ],
)  # fmt: skip
def test_of_several_faults_in_a_create_the_first_in_the_fixed_order_is_answered(
    desk: InProcessApi, cured: int, status: int, body: dict[str, Any] | None
) -> None:
    """Rate limit, shape, number, expiry, security code."""
    wanted = json.loads(json.dumps(BAD))
    desk.world.limiter.turn(NOON)
    desk.world.limiter.set(limit=None, remaining=min(cured, 1))
    cures = (lambda: wanted.pop("x"), lambda: _card(wanted, card_number="4111111111111111"),
             lambda: _card(wanted, exp_year=2034))  # fmt: skip
    wanted["payment_method"]["cvc"] = "1234"
    for cure in cures[: max(0, cured - 1)]:
        cure()
    before = desk.world.ledger.snapshot()
    answered, said = desk.ask("create_payment", wanted)

    assert answered == status
    assert said == body or (body is None and said["error"]["code"] == "invalid_request")
    assert desk.world.ledger.snapshot() == before


def test_a_call_over_the_rate_limit_gets_429_and_has_no_effect(desk: InProcessApi) -> None:
    """Whether its body is valid or not; it does not count further."""
    desk.world.limiter.turn(NOON)
    desk.world.limiter.set(limit=None, remaining=0)
    over = envelope(
        "rate_limit_exceeded", "The hour ends at 2030-01-15T13:00:00Z on the world's clock."
    )

    for body in (GOOD, b"{", {}):
        answer = desk.answer(call_of("create_payment", body))
        assert status_and_json(answer) == (429, over)
        assert answer.headers == {**HEADERS, "X-RateLimit-Remaining": "0"}
    assert desk.answer(unknown("/v3/x")).reply.status == 429
    assert (len(desk.world.ledger.payments), len(desk.world.journal)) == (0, 4)


PATHS = "The paths are /v3/payments, /v3/payments/{payment_id} and its /refunds."
ELSEWHERE: dict[str, tuple[Call, int, dict[str, Any]]] = {
    "unknown path": (unknown("/v3/charges"), 404, envelope("not_found", PATHS)),
    "slash at the end": (
        unknown("/v3/payments/"),
        404,
        envelope("not_found", "Did you mean /v3/payments?"),
    ),
    "wrong method": (
        unknown("/v3/payments", "DELETE", "GET, POST"),
        405,
        envelope(
            "method_not_allowed", "DELETE is not supported here; use one of: GET, POST."
        ),
    ),
    "unknown payment": (
        call_of("retrieve_payment", payment_id="pay_xyz789"), 404, envelope("payment_not_found"),
    ),
    "refund of an unknown payment": (
        call_of("create_refund", {"x": 1}, payment_id="pay_xyz789"),
        404,
        envelope("payment_not_found"),
    ),
    "broken JSON": (
        call_of("create_payment", b"{"),
        400,
        invalid(
            "/: expected JSON; Expecting property name enclosed in double quotes"
            " at line 1, column 2."
        ),
    ),
    "an undocumented query": (
        call_of("retrieve_payment", payment_id="pay_xyz789", query="limit=1"),
        400,
        invalid("/limit: is not a documented parameter; there are none."),
    ),
    "a query with a body": (
        call_of("create_payment", GOOD, query="dry_run="),
        400,
        invalid("/dry_run: is not a documented parameter; there are none."),
    ),
    "an invalid date": (
        call_of("list_payments", query="created_after=2030-13-01"),
        400,
        invalid("/created_after: expected a date and time that exist."),
    ),
}  # fmt: skip


@for_each("case", ELSEWHERE)
def test_an_undocumented_call_gets_its_documented_error_and_changes_nothing(
    desk: InProcessApi, case: str
) -> None:
    call, status, body = ELSEWHERE[case]
    before = desk.world.ledger.snapshot()

    assert status_and_json(desk.answer(call)) == (status, body)
    assert desk.world.ledger.snapshot() == before


@pytest.mark.parametrize(
    ("error", "status"), [(RequestTooLarge(10), 413), (InvalidRequest("/: no."), 400)]
)
def test_a_body_that_could_not_be_read_gets_its_error_and_closes_the_connection(
    desk: InProcessApi, error: RequestTooLarge | InvalidRequest, status: int
) -> None:
    """The rest of the body is still in the connection."""
    call = call_of("create_payment")
    call.body = error
    answer = desk.answer(call)

    assert status_and_json(answer) == (status, envelope(error.code, error.details))
    assert answer.close
    assert not desk.answer(call_of("create_payment", {})).close


def test_an_unexpected_exception_is_a_documented_500_with_its_traceback_in_the_log(
    desk: InProcessApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The request is in the journal, and card numbers are masked in the log."""

    def fail(*_: object) -> CallResult:
        raise RuntimeError("a bug of ours")

    monkeypatch.setitem(HANDLERS, "list_payments", fail)
    answer = desk.answer(call_of("list_payments", query="customer_id=4111+1111+1111+1111"))
    (record,) = caplog.records

    assert (status_and_json(answer), answer.headers) == ((500, FAILED), HEADERS)
    assert (record.levelno, record.name) == (logging.ERROR, "payments_sandbox.api.gateway")
    assert record.getMessage() == (
        "unhandled error in GET /v3/payments?customer_id=**** **** **** 1111"
    )
    assert "RuntimeError: a bug of ours" in caplog.text
    assert len(desk.world.journal) == 1


def test_a_committed_call_is_journalled_even_if_recording_it_raises(
    desk: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a bug loses the reply and nothing else."""
    monkeypatch.setattr("payments_sandbox.api.gateway._record", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        desk.answer(call_of("create_payment", documented_create()))

    assert (desk.world.journal.count, len(desk.world.ledger.payments)) == (1, 1)


def test_a_reply_that_breaks_the_contract_is_replaced_by_a_500(
    desk: InProcessApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the missing key."""
    _, payment = desk.ask("create_payment", GOOD)
    monkeypatch.setattr(representations, "refund", lambda _: {"id": "ref_1"})

    assert desk.ask("create_refund", {}, payment_id=payment["id"]) == (500, FAILED)
    assert "ContractBrokenError: responses/create_refund: /payment_id: is required" in caplog.text


def test_a_payment_whose_reply_breaks_the_contract_is_not_created(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No payment and no event."""
    desk = InProcessApi(new_world())
    before = desk.world.ledger.snapshot()
    monkeypatch.setattr(representations, "payment", lambda _: {"id": 1})

    assert desk.ask("create_payment", GOOD) == (500, FAILED)
    assert desk.world.ledger.snapshot() == before
    assert "ContractBrokenError" in caplog.text


def _card(body: dict[str, Any], **changes: object) -> None:
    body["payment_method"].update(changes)


def test_a_held_call_has_passed_the_rate_limit_and_no_other_check(desk: InProcessApi) -> None:
    """Its body is checked when it is released, after everything due by then has happened."""
    desk.world.rules.set_scenarios([scenario_of(HELD)])
    held = desk.gateway.answer(desk.world, call_of("create_payment", GOOD | {"amount": "1"}))
    assert isinstance(held, HeldCall)
    assert (held.lasts, desk.world.limiter.remaining, desk.world.journal.count) == (60_000, 999, 0)
    desk.world.clock.reach(Instant(NOON + 5))
    again = desk.gateway.go_on(held, Step(Hold(7)))
    assert isinstance(again, HeldCall)
    assert (again.lasts, again.entry is held.entry) == (7, True)
    answer = desk.gateway.go_on(again, Step(delay=3))
    assert isinstance(answer, Answer)
    assert (answer.reply.status, answer.delay) == (400, 7), "the step that held it has a delay, too"
    [entry] = desk.world.journal.since(0)
    assert (entry.at, entry.wall, entry.committed) == (NOON + 5, NOON, False)


def test_the_fingerprint_of_an_ordinary_card_is_not_kept() -> None:
    """Brand, last four digits and a checksum would narrow a number down to a few candidates."""
    desk = InProcessApi(new_world())
    kept: dict[str, int] = {}
    for number in ("4000000000005126", "4242424242424242"):
        desk.answer(call_of("create_payment", documented_create(card_number=number)))
        kept[number] = desk.world.ledger.payments.get(len(kept)).card.fingerprint
    assert kept == {"4000000000005126": fingerprint("4000000000005126"), "4242424242424242": 0}


PATHS = "The paths are /v3/payments, /v3/payments/{payment_id} and its /refunds."
DOUBLE = "The path has two slashes in a row; did you mean"


@for_each(
    ("path", "details"),
    [
        ("/v3//payments", f"{DOUBLE} /v3/payments?"),
        ("//v3/payments", f"{DOUBLE} /v3/payments?"),
        ("/v3/payments//", f"{DOUBLE} /v3/payments?"),
        ("/v3/payments//refunds", f"{DOUBLE} /v3/payments/{{payment_id}}/refunds?"),
        ("/v3/payments/", "Did you mean /v3/payments?"),
        ("/v3/payments/pay_1/", "Did you mean /v3/payments/pay_1?"),
        ("/v3/payments/pay_1/refunds/", "Did you mean /v3/payments/pay_1/refunds?"),
        ("/v3/payments/4111111111111111/", "Did you mean /v3/payments/************1111?"),
        ("/payments", "Did you mean /v3/payments?"),
        ("/v2/payments/pay_1", "Did you mean /v3/payments/pay_1?"),
        ("/v3/v3/payments/pay_1/refunds/", "Did you mean /v3/payments/pay_1/refunds?"),
        ("/payments//refunds", f"{DOUBLE} /v3/payments/refunds?"),
        ("/v3/payments/x/refunds/y", PATHS),
        ("/v3/payment", PATHS),
        ("/v3", PATHS),
    ],
)
def test_an_unknown_path_gets_404_with_the_path_that_was_probably_meant(
    path: str, details: str, desk: InProcessApi
) -> None:
    """If it differs by slashes or before `/payments`; otherwise the error lists the known paths."""
    assert status_and_json(desk.answer(unknown(path))) == (404, envelope("not_found", details))


def test_an_unsupported_method_gets_405_with_the_supported_methods(desk: InProcessApi) -> None:
    answer = desk.answer(unknown("/v3/payments", "PUT", "GET, POST"))

    assert status_and_json(answer) == (
        405,
        envelope("method_not_allowed", "PUT is not supported here; use one of: GET, POST."),
    )


def test_looking_up_a_key_without_makes_world_creates_no_world() -> None:
    """The lookup runs in slices, so that others are served; an existing world is found."""
    worlds = new_worlds()
    gateway = Gateway(worlds, contract())
    found = finish(gateway.admitting(KEY, makes_world=False))
    with pytest.raises(NotFound):
        finish(gateway.admitting("sk_test_alice", makes_world=False))
    made = finish(gateway.admitting("sk_test_alice"))

    assert found is worlds.find(KEY)
    assert worlds.find("sk_test_alice") is made is gateway.admit("sk_test_alice")


def test_giving_up_on_a_call_answers_a_documented_500_and_closes_the_connection(
    desk: InProcessApi,
) -> None:
    """How much of the request was read is unknown."""
    desk.ask("list_payments")
    answer = desk.gateway.give_up(desk.world)

    assert (status_and_json(answer), answer.close) == ((500, FAILED), True)
    assert dict(answer.headers) == HEADERS
    assert len(answer.headers) == 3


def test_giving_up_on_the_first_call_reports_the_reset_of_the_current_hour(
    desk: InProcessApi,
) -> None:
    """No earlier call has started the window."""
    answer = desk.gateway.give_up(desk.world)

    assert answer.headers["X-RateLimit-Reset"] == str((NOON + HOUR) // SECOND)


def test_a_call_held_past_the_hour_reports_the_reset_of_the_next_hour(desk: InProcessApi) -> None:
    desk.world.rules.set_scenarios([scenario_of(HELD)])
    held = desk.gateway.answer(desk.world, call_of("create_payment", GOOD))
    assert isinstance(held, HeldCall)
    desk.world.clock.reach(Instant(NOON + HOUR))
    answer = desk.gateway.go_on(held, Step())
    assert isinstance(answer, Answer)
    assert answer.headers["X-RateLimit-Reset"] == str((NOON + 2 * HOUR) // SECOND)


def test_the_journal_entry_of_a_call_has_its_payment_status_and_error(desk: InProcessApi) -> None:
    """The payment's id if the call made it, its status at the call, and the error's code."""
    desk.ask("create_payment", GOOD)
    made = desk.world.ledger.payments.id_of(0)
    for operation, body, payment_id in (
        ("retrieve_payment", None, made),
        ("create_refund", {"amount": 99_999}, made),
        ("create_refund", {"amount": "x"}, made),
        ("retrieve_payment", None, "pay_x"),
    ):
        desk.ask(operation, body, payment_id=payment_id)
    entries = list(desk.world.journal.since(0))

    assert [(each.made, each.payment_status, each.status, each.error_code) for each in entries] == [
        (made, Status.COMPLETED, 201, None),
        (None, Status.COMPLETED, 200, None),
        (None, Status.COMPLETED, 400, "refund_exceeds_payment"),
        (None, Status.COMPLETED, 400, "invalid_request"),
        (None, None, 404, "payment_not_found"),
    ]
    assert entries[2].error_details == "2500 of 2500 is left to refund."
    assert [each.committed for each in entries] == [True, None, None, None, None]


@pytest.mark.parametrize(
    ("operation", "body", "committed"),
    [("create_payment", GOOD, False), ("list_payments", None, None)],
)
def test_a_held_call_whose_client_disconnects_is_journalled_and_has_no_effect(
    operation: str, body: object, *, committed: bool | None
) -> None:
    """At the instant of the disconnection, with its rule; for a read, `committed` is unset."""
    desk = InProcessApi(new_world())
    desk.world.rules.set_scenarios([scenario_of(HELD.replace("create_payment", operation))])
    held = desk.gateway.answer(desk.world, call_of(operation, body))
    assert isinstance(held, HeldCall)
    desk.world.clock.reach(Instant(NOON + 5))
    entry = desk.gateway.abandon(held)

    assert list(desk.world.journal.since(0)) == [entry]
    assert (entry.at, entry.rule, entry.step) == (NOON + 5, "rule-1", 1)
    assert (entry.committed, entry.status, entry.fault) == (committed, None, ABANDONED)
    assert desk.world.ledger.events == 0


def test_the_random_delay_of_a_released_call_is_reproducible_and_differs_between_calls() -> None:
    drawn = []
    for _ in range(2):
        desk = InProcessApi(new_world())
        desk.world.rules.set_scenarios([scenario_of(HELD.replace("1m}", "1m}, times: 9"))])
        for _ in range(2):
            held = desk.gateway.answer(desk.world, call_of("create_payment", GOOD))
            assert isinstance(held, HeldCall)
            answer = desk.gateway.go_on(held, Step(delay=Uniform(1_000, 900_000)))
            assert isinstance(answer, Answer)
            drawn.append(answer.delay)

    assert drawn[:2] == drawn[2:]
    assert 1_000 <= drawn[0] != drawn[1] <= 900_000
