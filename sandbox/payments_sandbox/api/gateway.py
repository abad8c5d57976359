"""Owns how a call passes through the emulated API, and the order of its checks.

1. The API key: 401 (`Gateway.admit`).
2. The rate limit counts the call; over the limit: 429.
3. The rules of active scenarios: the first that matches answers, before any further check.
4. The body's size, type, encoding and JSON: 413, 400.
5. Path and method: 404, 405.
6. A query, if none is documented: 400.
7. The operation's own checks, in `payments.py` and `refunds.py`: the payment exists (404), the
   schema (400), the card (400), the card's rule, the ledger (400).

Every error becomes the documented error body. Nothing here awaits, so a call takes effect entirely
or not at all. A call that a step holds has passed 1 and 2 and stops at 3: `go_on` gives it another
step, and checks 4 to 7 follow then.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from payments_sandbox.api import payments, refunds
from payments_sandbox.api.apply_step import StepContext, apply_step
from payments_sandbox.api.call import (
    Answer,
    Call,
    CallResult,
    HeldCall,
    RateLimitHeaders,
    Refusal,
    Reply,
)
from payments_sandbox.api.responses import refusal
from payments_sandbox.contract import representations
from payments_sandbox.contract.operations import BASE_PATH, BY_NAME, PAYMENT_SEGMENT, READS
from payments_sandbox.contract.schemas import Contract, read_pairs
from payments_sandbox.core import strict_json
from payments_sandbox.core.errors import (
    SANDBOX_FAILED,
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    SandboxError,
)
from payments_sandbox.core.ids import API_KEY
from payments_sandbox.core.instants import Instant, show_instant
from payments_sandbox.core.masking import (
    headers_by_name,
    mask_body,
    mask_json,
    mask_target,
    mask_text,
)
from payments_sandbox.core.slices import Slices
from payments_sandbox.core.strict_json import json_bytes
from payments_sandbox.rules.delays import draw, sample_delay
from payments_sandbox.rules.fields import CallFields, CallParts
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.step_outcome import DEFAULT, PaymentOptions
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.registry import Worlds
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.rules.step_search import SelectedStep

_log = logging.getLogger(__name__)

Handler = Callable[[World, Contract, Call, object, PaymentOptions], CallResult]

HANDLERS: Final[dict[str, Handler]] = {
    "create_payment": payments.create_payment,
    "retrieve_payment": payments.retrieve_payment,
    "list_payments": payments.list_payments,
    "create_refund": refunds.create_refund,
}

_EMPTY: Final = "expected JSON; the body is empty"
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
"""Required with every 401 by RFC 9110 (11.6.1); some HTTP libraries fail without it."""

_SCHEME: Final = "bearer "
_UNAUTHORIZED: Final = 401
_COLLECTION: Final = "payments"


class Gateway:
    """The emulated API as a function: `admit` the key, then `answer` the call.

    A held call continues with `go_on`, or ends with `abandon`.
    """

    def __init__(self, worlds: Worlds, contract: Contract) -> None:
        self._worlds = worlds
        self._contract = contract

    def admit(self, key: str) -> World:
        """Return the world of a key, and make it at once if necessary.

        Raises:
            InvalidApiKey: as `admitting`.
        """
        return self._worlds.get_or_create(key)

    def admitting(self, key: str, *, makes_world: bool = True) -> Slices[World]:
        """Find or make the world of a key, in slices.

        Args:
            key: the key in a request (`key_in`).
            makes_world: whether a key without a world gets a new one.

        Raises:
            InvalidApiKey: the key is malformed or unknown.
            NotFound: the key has no world, and `makes_world` is False.
        """
        return (yield from self._worlds.getting(key)) if makes_world else self._worlds.find(key)

    def turn_away(self, error: SandboxError) -> Refusal:
        """The answer to a request that concerns no world: no rate limit, no journal."""
        reply = refusal(self._contract, error)
        return Refusal(reply, CHALLENGE if reply.status == _UNAUTHORIZED else {})

    def give_up(self, world: World, why: str = SANDBOX_FAILED) -> Refusal:
        """The answer after a bug of ours, which is not validated, so that it cannot fail too.

        The connection must be closed, since nobody knows how much of the request has been read.
        """
        reply = Reply(500, json_bytes(representations.error(InternalError(why))))
        world.limiter.turn(world.clock.now())  # the last call may have been hours ago
        return Refusal(reply, _headers(world), close=True)

    def answer(self, world: World, call: Call) -> Answer | HeldCall:
        """Answer an admitted call, count and journal it; if a step holds it, return it instead."""
        wall = world.wall()
        call.at = world.catch_up(wall)
        path = f"{call.path}?{call.query}" if call.query else call.path
        method = call.method if call.operation is not None else mask_text(call.method)
        entry = Entry(call.at, call.operation, method, mask_target(path), call.headers)
        entry.wall, entry.connection = wall, call.connection
        first_checks = partial(self._count_and_decide, world, call, entry)
        return self._concluded(world, call, entry, self._result(call, entry, first_checks))

    def go_on(self, held: HeldCall, step: Step) -> Answer | HeldCall:
        """Let a held call continue with another step, at the present instant.

        Args:
            held: the call; it enters the journal now.
            step: the step to carry out; another `hold` holds the call longer.
        """
        world, call, entry, selected, _ = held
        call.at = entry.at = world.catch_up()
        world.limiter.turn(entry.at)  # it may have been held for hours
        delay = step.delay
        if not isinstance(delay, int):
            name = f"{selected.full_name}\0decided"
            delay = sample_delay(delay, draw(world.config.seed, name, "", world.journal.count))
        chosen = selected._replace(step=step, delay=selected.delay + delay)
        result = self._result(call, entry, partial(self._by_rule, chosen, world, call))
        return self._concluded(world, call, entry, result)

    def abandon(self, held: HeldCall) -> Entry:
        """Journal a held call whose client has gone; it has had no effect."""
        entry = held.entry
        entry.at = held.world.catch_up()
        entry.rule, entry.step = held.selected.rule, held.selected.position
        entry.committed = None if held.call.operation in READS else False
        entry.abandon()
        held.world.journal.add(entry)
        return entry

    def _concluded(
        self, world: World, call: Call, entry: Entry, result: CallResult
    ) -> Answer | HeldCall:
        """Journal the result of a call, and make its answer."""
        if result.hold and result.selected is not None:
            return HeldCall(world, call, entry, result.selected, result.hold)
        world.journal.add(entry)  # first of all, so that no effect goes unrecorded
        if world.timeline.next_due is not None:
            world.catch_up()  # rules may have made something due at once
        reply = result.reply
        if not isinstance(reply, Reply):
            reply = self._refused(entry, reply or InternalError(), result)
        headers: Mapping[str, str] = _headers(world) if call.elsewhere is None else {}
        if reply.status == _UNAUTHORIZED:
            headers = CHALLENGE
        if call.payment is not None:
            entry.payment_status = world.ledger.payments.status(call.payment)
            entry.made = call.made
        elif call.payment_id:
            entry.payment_status = world.ledger.payments.status_of(call.payment_id)
        if (selected := result.selected) is not None and selected.scenario is not None:
            headers = {**headers, **_rule_headers(world, entry, selected)}
        _record(entry, result, reply, headers)
        close = isinstance(call.body, SandboxError)
        return Answer(reply, headers, entry, result.delay, result.fault, close)

    def _refused(self, entry: Entry, error: SandboxError, result: CallResult) -> Reply:
        if result.fault is None:
            entry.error_code = error.code
            entry.error_details = error.details and mask_text(error.details)
        return refusal(self._contract, error)

    def _result(
        self, call: Call, entry: Entry, perform: Callable[[object], CallResult]
    ) -> CallResult:
        """Perform a call and return its result, which may be any error."""
        body: object = None
        try:
            body = self._body(call, entry)
            return perform(body)
        except SandboxError as error:
            return CallResult(error)
        except Exception:  # noqa: BLE001 - a bug of ours is a documented 500, with its traceback
            _log.exception("unhandled error in %s %s", call.method, entry.path)
            return CallResult(InternalError(SANDBOX_FAILED))
        finally:
            if body is not None and not isinstance(body, SandboxError):
                entry.body = mask_json(body) if call.shown is None else json_bytes(call.shown)
            entry.leaked = call.leaked

    def _count_and_decide(self, world: World, call: Call, entry: Entry, body: object) -> CallResult:
        """Check and count a call, and perform it, or let a rule decide."""
        if call.elsewhere is not None:
            raise NotFound("not_found", call.elsewhere)
        if not world.limiter.take(call.at):
            return CallResult(_rate_limited(world))
        if world.rules.scenarios and call.operation is not None:
            fields = CallFields(_parts(world, call, body), world.rules.number_of)
            selected, entry.considered = world.rules.decide(call.operation, fields)
            if selected is not None:
                return self._by_rule(selected, world, call, body)
        return self._operate(world, call, body)

    def _by_rule(
        self, selected: "SelectedStep", world: World, call: Call, body: object
    ) -> CallResult:
        """Perform a call as a rule of an active scenario says."""
        operation = BY_NAME[call.operation or ""]

        def perform(options: PaymentOptions = DEFAULT) -> CallResult:
            try:
                return self._operate(world, call, body, options)
            except SandboxError as error:
                return CallResult(error, committed=False)

        result = apply_step(selected, StepContext(world, self._contract, operation), perform)
        if operation.name in READS:
            result.committed = None
        return result

    def _operate(
        self, world: World, call: Call, body: object, options: PaymentOptions = DEFAULT
    ) -> CallResult:
        if isinstance(body, SandboxError):
            raise body
        if call.operation is None:
            raise _no_such_route(call)
        if call.query and BY_NAME[call.operation].query is None:
            self._contract.read_query("queries/none", read_pairs(call.query))
        return HANDLERS[call.operation](world, self._contract, call, body, options)

    def _body(self, call: Call, entry: Entry) -> object:
        """The JSON value of the body, or the error that makes it invalid."""
        if isinstance(call.body, SandboxError):
            return call.body
        operation = BY_NAME.get(call.operation or "")
        if operation is None or operation.request is None:
            return None
        if not call.body:
            entry.body = ""
            hint = self._contract.schemas[operation.request].get("x-hint")
            return InvalidRequest(f"/: {_EMPTY}; {hint}." if hint else f"/: {_EMPTY}.")
        try:
            return strict_json.read(call.body)
        except strict_json.BadJson as error:
            entry.body = mask_body(call.body)
            return InvalidRequest(f"/: expected JSON; {error}.")


def _rule_headers(world: World, entry: Entry, selected: "SelectedStep") -> Mapping[str, str]:
    """The headers of a reply that name the rule that answered."""
    return {
        "Sandbox-Rule": selected.rule,
        "Sandbox-Step": str(selected.position),
        "Sandbox-Request-Id": world.journal.id_of(entry),
    }


def key_in(authorization: str | None) -> str:
    """The API key in an `Authorization` header, valid or not.

    Raises:
        InvalidApiKey: the header is missing, or has another form.
    """
    if authorization is None:
        raise InvalidApiKey("Send 'Authorization: Bearer sk_test_…'.")
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise InvalidApiKey("The Authorization header must be 'Bearer ' followed by the key.")
    return authorization[len(_SCHEME) :].strip()


def valid_key(authorization: str) -> str | None:
    """The key in an `Authorization` header if it has the form of a sandbox key, else None."""
    try:
        key = key_in(authorization)
    except InvalidApiKey:
        return None
    return key if API_KEY.fullmatch(key) else None


def _parts(world: World, call: Call, body: object) -> CallParts:
    """The parts of a call that rules match on, as far as they can be parsed."""
    return CallParts(
        operation=call.operation,
        body=body if isinstance(body, dict) else {},
        query=call.query,
        headers=lambda: headers_by_name(call.headers),
        payment_id=call.payment_id,
        find_payment=world.ledger.payments.find,
    )


def _headers(world: World) -> RateLimitHeaders:
    limiter = world.limiter
    return RateLimitHeaders(limiter.limit, limiter.remaining, limiter.reset_at)


def _rate_limited(world: World) -> RateLimited:
    limiter = world.limiter
    reset = show_instant(Instant(limiter.reset_at * 1_000))
    return RateLimited(f"The {limiter.window} ends at {reset} on the world's clock.")


def _no_such_route(call: Call) -> SandboxError:
    if call.allow is not None:
        return MethodNotAllowed(call.method, call.allow)
    if (meant := path_meant(call.path)) is not None:
        start = "The path has two slashes in a row; did" if "//" in call.path else "Did"
        return NotFound("not_found", f"{start} you mean {mask_target(meant)}?")
    return NotFound(
        "not_found", "The paths are /v3/payments, /v3/payments/{payment_id} and its /refunds."
    )


def path_meant(path: str) -> str | None:
    """The documented path that was meant by one with a small mistake, or None.

    The mistake is a slash too many, an empty id, or a missing `/v3`.
    """
    segments = path.rstrip("/").split("/")
    if len(segments) > PAYMENT_SEGMENT + 1 and not segments[PAYMENT_SEGMENT]:
        segments[PAYMENT_SEGMENT] = "{payment_id}"
    close = ["/".join(segments), "/".join(["", *filter(None, segments)])]
    if _COLLECTION in segments:
        below = segments[segments.index(_COLLECTION) :]
        close.append("/".join([BASE_PATH, *filter(None, below)]))
    for meant in close:
        if meant != path and _is_documented(meant):
            return meant
    return None


def _is_documented(path: str) -> bool:
    """Whether an operation has this path, for any payment."""
    wanted = path.split("/")
    if len(wanted) > PAYMENT_SEGMENT:
        wanted[PAYMENT_SEGMENT] = "{payment_id}"
    return "/".join(wanted) in {BASE_PATH + each.path for each in BY_NAME.values()}


def _record(entry: Entry, result: CallResult, reply: Reply, headers: Mapping[str, str]) -> None:
    if result.card is not None:
        entry.card = f"{result.card.brand} {result.card.last4}"
    if result.selected is not None:
        entry.rule, entry.step = result.selected.rule, result.selected.position
    entry.committed = result.committed
    if result.fault is not None:
        entry.fault = result.fault.name
    elif result.selected is None or result.selected.scenario is None:
        entry.status, entry.reply_headers, entry.reply_body = reply.status, headers, reply.body
    else:  # a scenario's author may have written a card number
        entry.replied(reply.status, headers, reply.body)
