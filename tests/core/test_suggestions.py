"""Holds what a word may have been meant for."""

import pytest

from payments_sandbox.core.suggestions import nearest

KNOWN = ("drop", "drip", "delay")


@pytest.mark.parametrize(
    ("word", "meant"), [("dropp", "drop"), ("delya", "delay"), ("drop", "drop"), ("x", None)]
)
def test_the_name_that_is_most_alike_is_suggested(word: str, meant: str | None) -> None:
    """One, or none when nothing is like it enough."""
    assert nearest(word, KNOWN) == meant


def test_how_alike_a_suggestion_has_to_be_can_be_said() -> None:
    """What is near enough for a guess may not be for another."""
    assert (nearest("dropp", KNOWN, 0.85), nearest("dropp", KNOWN, 0.95)) == ("drop", None)
    assert nearest("drop", []) is None
