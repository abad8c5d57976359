"""The finding `card_number_leak`: a card number in a text field."""

from tests.support.in_process import History


def test_a_card_number_in_a_text_field_is_found_and_not_repeated() -> None:
    """It may be in a payment or a refund; the finding does not contain the number."""
    history = History()
    card = "4111111111111111"
    ids = [history.pay(description=f"card {card}"), history.pay(customer_id=card)]
    ids.append(history.call("create_refund", {"reason": card}, payment_id=history.payment()))

    assert history.found() == [("card_number_leak", tuple(ids))]
    assert card not in str(history.findings())
