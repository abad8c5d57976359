"""A card number where text belongs."""

from tests.support.in_process import History


def test_a_card_number_in_text_is_found_and_not_repeated() -> None:
    """In a payment or in a refund; the number itself is nowhere."""
    history = History()
    card = "4111111111111111"
    ids = [history.pay(description=f"card {card}"), history.pay(customer_id=card)]
    ids.append(history.call("create_refund", {"reason": card}, payment_id=history.payment()))

    assert history.found() == [("card_number_leak", tuple(ids))]
    assert card not in str(history.findings())
