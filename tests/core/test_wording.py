"""How many there are, which may be chosen, and what a word may have been meant for."""

import pytest

from payments_sandbox.core.wording import counted, first_of, nearest, one_of_words

KNOWN = ("drop", "drip", "delay")


def test_one_thing_is_singular_and_all_other_counts_are_plural() -> None:
    assert [counted(count, "world") for count in (0, 1, 2)] == ["0 worlds", "1 world", "2 worlds"]


def test_the_last_of_several_words_stands_behind_or() -> None:
    assert one_of_words(["pending", "failed"]) == "pending or failed"
    assert one_of_words({"a": 1, "b": 2, "c": 3}) == "a, b or c"


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


def test_what_is_beyond_the_first_words_is_counted() -> None:
    assert first_of(["a", "b"], 2) == "a, b"
    assert first_of(["a", "b", "c", "d"], 2) == "a, b and 2 more"
