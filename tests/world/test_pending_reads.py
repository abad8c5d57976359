"""Tests payments that settle at a given read."""

from payments_sandbox.world.timeline import PendingReads, SettlePayment

JOB = SettlePayment(3, "card_declined", "scene/r")


def test_a_payment_settles_at_the_last_of_its_reads() -> None:
    """Reads of other payments do not count."""
    pending = PendingReads()
    pending.add(2, JOB)

    assert [pending.read(each) for each in (1, 3, 1, 3, 3)] == [None, None, None, JOB, None]
    assert not pending.waits


def test_restored_pending_reads_continue_counting() -> None:
    pending, other = PendingReads(), PendingReads()
    pending.add(2, JOB)
    pending.add(1, SettlePayment(4, None))
    pending.read(3)
    other.restore(pending.snapshot())

    assert other.snapshot() == {"3": [1, "card_declined", "scene/r"], "4": [1, None, ""]}
    assert other.read(3) == JOB


def test_cleared_pending_reads_settle_nothing() -> None:
    pending = PendingReads()
    pending.add(1, JOB)
    pending.clear()

    assert pending.read(3) is None
