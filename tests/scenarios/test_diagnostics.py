"""Holds what is told of a scenario's problems to one line each, at its place, in their order."""

from payments_sandbox.scenarios.diagnostics import KEY, Problem, locate, render

TEXT = "scenario: a\nrules:\n\t- {request: nope}\n"
NOPE = Problem(("rules", 0, "request"), "unknown value 'nope'", "known is create_payment", (3, 5))


def test_a_problem_is_shown_with_its_line_and_a_caret_below_it() -> None:
    """A tab is one column wide, as editors count it."""
    assert render(NOPE, "a.yaml", TEXT) == (
        "a.yaml:3:5: unknown value 'nope'; known is create_payment\n"
        "     - {request: nope}\n"
        "        ^"
    )


def test_a_place_behind_the_text_and_none_at_all_have_no_line() -> None:
    assert render(NOPE._replace(place=(4, 1)), "a", TEXT).endswith("create_payment")
    assert render(NOPE._replace(place=None, hint=None), "a", TEXT) == "a: unknown value 'nope'"


def test_of_a_long_line_the_part_around_the_caret_is_shown() -> None:
    """A hundred and sixty signs, from the start where the place is among these."""
    line = f"{'x' * 499}y{'z' * 500}"
    shown = render(NOPE._replace(place=(1, 500)), "a", line).splitlines()

    assert shown[1:] == [f"    …{'x' * 78}y{'z' * 80}", f"    {' ' * 79}^"]
    assert render(NOPE._replace(place=(1, 160)), "a", line).splitlines()[1:] == [
        f"    {'x' * 160}", f"    {' ' * 159}^",
    ]  # fmt: skip
    assert render(NOPE._replace(place=(1, 1_001)), "a", line).splitlines()[2] == f"    {' ' * 79}^"
    assert render(NOPE._replace(place=(1, 3)), "a", "xyz").splitlines()[2] == "      ^"


def test_a_warning_says_so_in_words_and_in_json() -> None:
    warning = NOPE._replace(is_warning=True, hint=None)

    assert warning.sentence == "warning: unknown value 'nope'"
    assert warning.as_json() == {
        "line": 3, "column": 5, "path": "/rules/0/request",
        "message": "warning: unknown value 'nope'", "hint": None,
    }  # fmt: skip
    plain = NOPE._replace(place=None).as_json()
    assert (plain["line"], plain["column"], plain["message"], plain["hint"]) == (
        None, None, "unknown value 'nope'", "known is create_payment",
    )  # fmt: skip


def test_problems_come_in_the_order_of_the_text_each_place_once() -> None:
    """What is missing is told besides; without a place the nearest thing around it has one."""
    places = {(): (1, 1), ("rules",): (2, 1), ("rules", 0): (3, 2), ("rules", 0, KEY): (3, 3)}
    missing = Problem(("rules", 0), "it needs do", is_missing=True)
    found = locate(
        [
            Problem(("rules", 0, "x"), "second"),
            Problem(("rules", 0), "not told"),
            missing,
            missing,
            Problem(("rules", 0, KEY), "a key"),
            Problem(("seed",), "first"),
        ],
        places,
    )

    assert [(each.message, each.place, each.path) for each in found] == [
        ("first", (1, 1), ("seed",)),
        ("it needs do", (3, 2), ("rules", 0)),
        ("second", (3, 2), ("rules", 0, "x")),
        ("a key", (3, 3), ("rules", 0)),
    ]


def test_problems_of_a_value_come_by_their_paths() -> None:
    """Positions by number, and before them what is said of the whole."""
    paths = [("rules", 10), ("rules", 2), ("rules",), ("about",)]
    found = locate([Problem(path, "x") for path in paths], {})

    assert [each.path for each in found] == [("about",), ("rules",), ("rules", 2), ("rules", 10)]
    assert [each.place for each in found] == [None] * 4
