"""How many there are, and which may be chosen, in words."""

from payments_sandbox.core.wording import counted, one_of_words


def test_one_thing_is_singular_and_all_other_counts_are_plural() -> None:
    assert [counted(count, "world") for count in (0, 1, 2)] == ["0 worlds", "1 world", "2 worlds"]


def test_the_last_of_several_words_stands_behind_or() -> None:
    assert one_of_words(["pending", "failed"]) == "pending or failed"
    assert one_of_words({"a": 1, "b": 2, "c": 3}) == "a, b or c"
