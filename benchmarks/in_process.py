"""Owns the emulated API without a server: it makes the calls that the HTTP layer would make."""

from collections.abc import Sequence
from typing import Final

import orjson

from benchmarks.servers import RATE_LIMIT
from benchmarks.traffic import CREATED, KEY, REFUND_BODY, create_body
from payments_sandbox.api.call import Answer, Call, Reply
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble

HEADERS: Final[Sequence[tuple[bytes, bytes]]] = (
    (b"Host", b"127.0.0.1"),
    (b"Authorization", f"Bearer {KEY}".encode()),
    (b"Content-Type", b"application/json"),
)


def id_in(reply: Reply) -> str:
    """The id in a reply to CREATE PAYMENT."""
    created: dict[str, str] = orjson.loads(reply.body)
    return created["id"]


class Api:
    """A sandbox that is called as a function; calls are admitted and answered as over HTTP."""

    def __init__(self) -> None:
        self.sandbox: Final[AssembledServer] = assemble(Settings(port=0, rate_limit=RATE_LIMIT))
        self._gateway = self.sandbox.gateway

    def create(self, customer: str, amount: int = 2_500) -> Reply:
        """CREATE PAYMENT."""
        body = _BODY % (amount, customer.encode())
        call = Call("create_payment", "POST", "/v3/payments", HEADERS, body=body)
        return self._answer(call, CREATED)

    def retrieve(self, payment_id: str) -> Reply:
        """RETRIEVE PAYMENT."""
        path = f"/v3/payments/{payment_id}"
        call = Call("retrieve_payment", "GET", path, HEADERS, payment_id=payment_id)
        return self._answer(call, 200)

    def list_of(self, customer: str) -> Reply:
        """LIST PAYMENTS, 20 of one customer."""
        query = f"customer_id={customer}&limit=20"
        return self._answer(Call("list_payments", "GET", "/v3/payments", HEADERS, query), 200)

    def refund(self, payment_id: str) -> Reply:
        """REFUND PAYMENT, of the smallest amount."""
        path = f"/v3/payments/{payment_id}/refunds"
        call = Call("create_refund", "POST", path, HEADERS, body=REFUND_BODY, payment_id=payment_id)
        return self._answer(call, CREATED)

    def _answer(self, call: Call, status: int) -> Reply:
        world = self._gateway.admit(KEY)
        answer = self._gateway.answer(world, call)
        assert isinstance(answer, Answer)
        assert answer.reply.status == status, answer.reply
        return answer.reply


_BODY: Final = create_body("%b", 0).replace(b'"amount": 0', b'"amount": %d')
