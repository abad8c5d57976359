"""Replies are validated against the contract: one that breaks it raises, and is not sent."""

import pytest

from payments_sandbox.api.responses import (
    ContractBrokenError,
    refusal,
    stored_payment,
    success,
)
from payments_sandbox.contract import representations
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.errors import NotFound
from tests.support.in_process import InProcessApi, contract, new_world
from tests.support.values import documented_create


def test_an_error_that_breaks_the_contract_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The envelope is validated against its schema like every other reply."""
    monkeypatch.setattr(representations, "error", lambda _: {"error": "payment_not_found"})

    with pytest.raises(ContractBrokenError, match=r"^responses/error: /error: "):
        refusal(contract(), NotFound("payment_not_found"))


def test_a_success_that_breaks_the_contract_is_not_sent() -> None:
    """The error begins with the name of the schema."""
    with pytest.raises(ContractBrokenError, match=r"^responses/create_refund: "):
        success(contract(), BY_NAME["create_refund"], {"id": "ref_1"})


def test_the_stored_form_of_a_payment_that_breaks_the_contract_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = InProcessApi(new_world())
    desk.ask("create_payment", documented_create())
    payment = desk.world.ledger.payments.get(0)
    monkeypatch.setattr(representations, "payment", lambda _: {"id": payment.id})

    with pytest.raises(ContractBrokenError, match=r"^responses/retrieve_payment: "):
        stored_payment(contract(), payment)
