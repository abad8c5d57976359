"""The finding `stale_delivery_accepted`."""

from tests.support.in_process import History


def test_a_stale_delivery_answered_with_2xx_is_found() -> None:
    """Answers to its other attempts do not matter."""
    history = History()
    taken = history.receive(500, 204, is_stale=True)

    assert history.found() == [("stale_delivery_accepted", (taken,))]
    assert [each.message for each in history.findings()] == [
        "A stale delivery was answered with a 2xx."
    ]


def test_a_rejected_stale_delivery_is_not_a_finding() -> None:
    """The answer was an error status or none at all."""
    history = History()
    history.receive(400, None, is_stale=True)

    assert history.found() == []
