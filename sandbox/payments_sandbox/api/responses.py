"""Owns how a value becomes a reply: checked against the contract, then written as JSON."""

from collections.abc import Mapping

from payments_sandbox.api.call import Reply
from payments_sandbox.contract import representations
from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.contract.operations import Operation
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.strict_json import json_bytes
from payments_sandbox.payments.payment import Payment


class ContractBrokenError(ValueError):
    """A reply breaks the documented contract: a bug of the sandbox, never of the client."""


def success(contract: Contract, operation: Operation, body: Mapping[str, object]) -> Reply:
    """The documented success reply of an operation.

    Raises:
        ContractBrokenError: the body is not what the documentation promises.
    """
    _hold(contract, operation.response, body)
    return Reply(operation.success, json_bytes(body))


def stored_payment(contract: Contract, payment: Payment) -> bytes:
    """A payment as RETRIEVE PAYMENT shows it, and as the ledger stores it.

    Raises:
        ContractBrokenError: the body is not what the documentation promises.
    """
    body = representations.payment(payment)
    _hold(contract, "responses/retrieve_payment", body)
    return json_bytes(body)


def refusal(contract: Contract, error: SandboxError) -> Reply:
    """The documented error reply.

    Raises:
        ContractBrokenError: the body is not what the documentation promises.
    """
    body = representations.error(error)
    _hold(contract, "responses/error", body)
    return Reply(CODES[error.code].status, json_bytes(body))


def _hold(contract: Contract, schema: str, body: Mapping[str, object]) -> None:
    if not contract.accepts(schema, body):
        raise ContractBrokenError(f"{schema}: {contract.explain(schema, body)}")
