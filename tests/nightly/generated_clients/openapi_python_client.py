"""The clients of openapi-python-client: what they are told, they show."""

import sys

from payments_api_client import AuthenticatedClient
from payments_api_client.api.payments import create_payment, list_payments, retrieve_payment
from payments_api_client.api.refunds import create_refund
from payments_api_client.models import Card, CardCardType, Currency, NewPayment, NewRefund
from payments_sandbox_control_api_client import AuthenticatedClient as ControlClient
from payments_sandbox_control_api_client.api.clock import advance_clock
from payments_sandbox_control_api_client.models import AdvanceClockRequest

_, api_url, control_url, key = sys.argv
api = AuthenticatedClient(base_url=api_url, token=key)
control = ControlClient(base_url=control_url, token=key)


def order(number: str) -> NewPayment:
    card = Card(CardCardType.CARD, number, 12, 2034, "123")
    return NewPayment(2500, Currency.USD, card, customer_id="ada")


made = create_payment.sync(client=api, body=order("4111111111111111"))
found = retrieve_payment.sync(made.id, client=api)
listed = list_payments.sync(client=api, limit=5, customer_id="ada")
refund = create_refund.sync(made.id, client=api, body=NewRefund(amount=1000))
declined = create_payment.sync(client=api, body=order("4000000000000002"))
moved = advance_clock.sync(client=control, body=AdvanceClockRequest(by="1h"))
print(
    found.payment_method.brand.value,
    found.status.value,
    len(listed.data),
    refund.amount,
    declined.error.code,
    moved.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
)
