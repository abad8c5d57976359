"""Owns the way of a call through the emulated API: key, limit, shape, operation, journal.

Whatever goes wrong in an operation becomes the documented envelope. Nothing here awaits, so a call
happens wholly or not at all.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from payments_sandbox.api import payments, refunds
from payments_sandbox.api.apply_step import DEFAULT, PaymentOptions, StepContext, apply_step
from payments_sandbox.api.call import Answer, Call, Outcome, Reply
from payments_sandbox.api.responses import refusal
from payments_sandbox.contract import representations
from payments_sandbox.contract.operations import BASE_PATH, BY_NAME
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core import strict_json
from payments_sandbox.core.errors import (
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    SandboxError,
)
from payments_sandbox.core.instants import Instant, show_instant
from payments_sandbox.core.masking import mask_body, mask_json, mask_target
from payments_sandbox.payments.record_store import json_bytes
from payments_sandbox.rules.fields import CallFields, CallParts
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.registry import Worlds
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.rules.rule_engine import SelectedStep

_log = logging.getLogger("sandbox.api")

Handler = Callable[[World, Contract, Call, object, PaymentOptions], Outcome]

HANDLERS: Final[dict[str, Handler]] = {
    "create_payment": payments.create_payment,
    "retrieve_payment": payments.retrieve_payment,
    "list_payments": payments.list_payments,
    "create_refund": refunds.create_refund,
}

_FAILED: Final = "The sandbox itself failed; its log has the traceback."
_READS: Final = frozenset({"retrieve_payment", "list_payments"})
_SCHEME: Final = "bearer "
_UNAUTHORIZED: Final = 401
_PAYMENT: Final = 3
"""Which segment of a documented path is the payment's id."""


class Gateway:
    """The emulated API as a function: `admit` the key, then `answer` the call."""

    def __init__(self, worlds: Worlds, contract: Contract) -> None:
        self._worlds = worlds
        self._contract = contract

    def admit(self, authorization: str | None) -> World:
        """The world that an `Authorization` header names.

        Raises:
            InvalidApiKey: the header is missing or malformed, or the key is unknown.
        """
        if authorization is None:
            raise InvalidApiKey("Send 'Authorization: Bearer sk_test_…'.")
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise InvalidApiKey("The Authorization header is 'Bearer ' and the key.")
        return self._worlds.get_or_create(authorization[len(_SCHEME) :].strip())

    def turn_away(self, error: SandboxError) -> Answer:
        """The answer to a call that no world is asked about: no rate limit, no journal."""
        return Answer(refusal(self._contract, error), {})

    def give_up(self, world: World) -> Answer:
        """The answer when we have failed where no answer should: held against no schema, sent last.

        How much of the request was read is unknown, so the connection cannot be used again.
        """
        reply = Reply(500, json_bytes(representations.error(InternalError(_FAILED))))
        return Answer(reply, _headers(world), close=True)

    def answer(self, world: World, call: Call) -> Answer:
        """The answer to an admitted call, counted and journalled."""
        now = world.catch_up()
        path = f"{call.path}?{call.query}" if call.query else call.path
        entry = Entry(now, call.operation, call.method, mask_target(path), call.headers)
        entry.wall = world.wall()
        outcome = self._outcome(world, call, entry, now)
        if world.timeline.next_due is not None:
            world.catch_up()  # rules may have made something due at once
        reply = outcome.reply
        if not isinstance(reply, Reply):
            error = reply or InternalError()
            if outcome.fault is None:
                entry.error_code, entry.error_details = error.code, error.details
            reply = refusal(self._contract, error)
        headers = _headers(world) if reply.status != _UNAUTHORIZED else {}
        answer = Answer(reply, headers, outcome.delay, outcome.fault, world=world, entry=entry)
        answer.close = isinstance(call.body, SandboxError)
        if call.payment_id:
            entry.payment_status = world.ledger.payments.status_of(call.payment_id)
        world.journal.add(entry)
        if (selected := outcome.selected) is not None and selected.scenario is not None:
            headers["Sandbox-Rule"] = selected.rule
            headers["Sandbox-Step"] = str(selected.position)
            headers["Sandbox-Request-Id"] = world.journal.id_of(entry)
        _record(entry, outcome, answer)
        return answer

    def _outcome(self, world: World, call: Call, entry: Entry, now: Instant) -> Outcome:
        try:
            allowed = world.limiter.take(now)
            body = self._body(call, entry)
            try:
                return self._perform(world, call, body, entry, allowed=allowed)
            finally:
                if body is not None and not isinstance(body, SandboxError):
                    entry.body = mask_json(body) if call.shown is None else call.shown
                entry.leaked = call.leaked
        except SandboxError as error:
            return Outcome(error)
        except Exception:  # noqa: BLE001 - a bug of ours is a documented 500, with its traceback
            _log.exception("unhandled error in %s %s", call.method, entry.path)
            return Outcome(InternalError(_FAILED))

    def _perform(
        self, world: World, call: Call, body: object, entry: Entry, *, allowed: bool
    ) -> Outcome:
        if not allowed:
            limiter = world.limiter
            reset = show_instant(Instant(limiter.reset_at * 1_000))
            raise RateLimited(f"The {limiter.window} turns at {reset}, by the world's clock.")
        if world.rules.scenarios and call.operation is not None:
            fields = CallFields(_parts(world, call, body), world.rules.number_of)
            selected, entry.considered = world.rules.decide(call.operation, fields)
            if selected is not None:
                return self._by_rule(selected, world, call, body)
        return self._operate(world, call, body)

    def _by_rule(self, selected: "SelectedStep", world: World, call: Call, body: object) -> Outcome:
        """What a rule of an active scenario wants."""
        operation = BY_NAME[call.operation or ""]

        def perform(options: PaymentOptions = DEFAULT) -> Outcome:
            try:
                return self._operate(world, call, body, options)
            except SandboxError as error:
                return Outcome(error, committed=False)

        outcome = apply_step(selected, StepContext(world, self._contract, operation), perform)
        if operation.name in _READS:
            outcome.committed = None
        return outcome

    def _operate(
        self, world: World, call: Call, body: object, options: PaymentOptions = DEFAULT
    ) -> Outcome:
        if isinstance(body, SandboxError):
            raise body
        if call.operation is None:
            raise _no_such_route(call)
        if call.query and BY_NAME[call.operation].query is None:
            pairs = parse_qsl(call.query, keep_blank_values=True)
            self._contract.read_query("queries/none", pairs)
        return HANDLERS[call.operation](world, self._contract, call, body, options)

    def _body(self, call: Call, entry: Entry) -> object:
        """The body's JSON value, or the error that it is."""
        if isinstance(call.body, SandboxError):
            return call.body
        if call.operation is None or BY_NAME[call.operation].request is None:
            return None
        try:
            return strict_json.read(call.body)
        except strict_json.BadJson as error:
            entry.body = mask_body(call.body)
            return InvalidRequest(f"/: expected JSON; {error}.")


def _parts(world: World, call: Call, body: object) -> CallParts:
    """What of a call rules look at, whatever of its body parses."""
    return CallParts(
        operation=call.operation,
        body=body if isinstance(body, dict) else {},
        query=call.query,
        headers=lambda: _joined(call.headers),
        payment_id=call.payment_id,
        find_payment=world.ledger.payments.find,
    )


def _joined(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case; lines of one name are joined."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _headers(world: World) -> dict[str, str]:
    limiter = world.limiter
    return {
        "X-RateLimit-Limit": str(limiter.limit),
        "X-RateLimit-Remaining": str(limiter.remaining),
        "X-RateLimit-Reset": str(limiter.reset_at),
    }


def _no_such_route(call: Call) -> SandboxError:
    if call.allow is not None:
        return MethodNotAllowed(call.method, call.allow)
    if call.path.endswith("/") and _is_documented(call.path.rstrip("/")):
        return NotFound("not_found", f"Did you mean {mask_target(call.path.rstrip('/'))}?")
    return NotFound(
        "not_found", "The paths are /v3/payments, /v3/payments/{payment_id} and its /refunds."
    )


def _is_documented(path: str) -> bool:
    """Whether an operation has this path, whatever its payment is."""
    wanted = path.split("/")
    wanted[_PAYMENT : _PAYMENT + 1] = ["{payment_id}"] if len(wanted) > _PAYMENT else []
    return "/".join(wanted) in {BASE_PATH + each.path for each in BY_NAME.values()}


def _record(entry: Entry, outcome: Outcome, answer: Answer) -> None:
    if outcome.card is not None:
        entry.card = f"{outcome.card.brand.value} {outcome.card.last4}"
    if outcome.selected is not None:
        entry.rule, entry.step = outcome.selected.rule, outcome.selected.position
    entry.committed = outcome.committed
    if outcome.fault is not None:
        entry.fault = outcome.fault.name
    else:
        entry.status = answer.reply.status
        entry.reply_headers = answer.headers
        entry.reply_body = answer.reply.body
