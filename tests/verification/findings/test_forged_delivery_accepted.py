"""A forged delivery that a receiver has taken."""

from tests.support.in_process import History


def test_a_forged_delivery_that_was_answered_with_a_2xx_is_found() -> None:
    """Whatever its other attempts were answered with."""
    history = History()
    taken = history.receive(500, 204, is_forged=True)

    assert history.found() == [("forged_delivery_accepted", (taken,))]
    assert [each.message for each in history.findings()] == [
        "A forged delivery was answered with a 2xx."
    ]


def test_a_forged_delivery_that_was_refused_is_no_finding() -> None:
    """With a status of its own, or with none."""
    history = History()
    history.receive(400, None, is_forged=True)

    assert history.found() == []
