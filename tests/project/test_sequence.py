"""Sequence diagrams of runs as SVG."""

from xml.etree import ElementTree as ET

from tools.sequence import MOST, Exchange, Pause, Row, draw

CALL = Exchange("create_payment", "201 completed")


def texts(*rows: Row) -> list[str]:
    """Return all texts of a drawing."""
    drawn = ET.fromstring(draw("A run", rows))  # noqa: S314 - our own drawing
    return [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_a_call_is_drawn_with_its_reply_and_rule() -> None:
    lost = Exchange(
        "create_payment", "no reply: drop", is_well=False, is_lost=True, has_happened=True, rule="r"
    )

    assert texts(lost, Pause("1h")) == [
        "your client",
        "Payments API",
        "create_payment",
        "it has happened",
        "no reply: drop",
        "r",
        "1h later",
    ]


def test_a_receiver_is_drawn_only_if_there_are_webhooks() -> None:
    webhook = Exchange("payment.completed", "204", is_webhook=True)

    assert "your webhooks" not in texts(CALL)
    assert "your webhooks" in texts(CALL, webhook)


def test_consecutive_equal_rows_are_merged() -> None:
    assert texts(CALL, CALL, CALL)[2:] == ["create_payment × 3", "201 completed"]


def test_the_rest_of_a_long_run_is_counted() -> None:
    rows = [Exchange("retrieve_payment", str(200 + n)) for n in range(MOST + 3)]

    assert texts(*rows)[-2:] == [str(200 + MOST - 1), "… and 3 more like these"]


def test_texts_are_escaped() -> None:
    assert texts(Exchange("<a>", "&"))[2:] == ["<a>", "&"]
