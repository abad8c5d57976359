"""Tests counts in words, lists of choices, and suggestions for misspelt words."""

import pytest

from payments_sandbox.core.wording import counted, first_of, nearest, one_of_words

KNOWN = ("drop", "drip", "delay")


def test_a_count_of_one_is_singular_and_every_other_is_plural() -> None:
    assert [counted(count, "world") for count in (0, 1, 2)] == ["0 worlds", "1 world", "2 worlds"]


def test_choices_are_listed_with_or_before_the_last() -> None:
    assert one_of_words(["pending", "failed"]) == "pending or failed"
    assert one_of_words({"a": 1, "b": 2, "c": 3}) == "a, b or c"


@pytest.mark.parametrize(
    ("word", "meant"), [("dropp", "drop"), ("delya", "delay"), ("drop", "drop"), ("x", None)]
)
def test_the_most_similar_known_word_is_suggested(word: str, meant: str | None) -> None:
    """Or none, if none is similar enough."""
    assert nearest(word, KNOWN) == meant


def test_the_similarity_required_of_a_suggestion_can_be_set() -> None:
    assert (nearest("dropp", KNOWN, 0.85), nearest("dropp", KNOWN, 0.95)) == ("drop", None)
    assert nearest("drop", []) is None


def test_words_beyond_the_first_few_are_counted() -> None:
    assert first_of(["a", "b"], 2) == "a, b"
    assert first_of(["a", "b", "c", "d"], 2) == "a, b and 2 more"
