"""Problems of scenarios are located, sorted, and rendered with their line."""

from payments_sandbox.scenarios.diagnostics import KEY, Problem, locate, render

TEXT = "scenario: a\nrules:\n\t- {request: nope}\n"
NOPE = Problem(("rules", 0, "request"), "unknown value 'nope'", "known is create_payment", (3, 5))


def test_a_problem_is_rendered_with_its_line_and_a_caret() -> None:
    """A tab counts as one column, as in editors."""
    assert render(NOPE, "a.yaml", TEXT) == (
        "a.yaml:3:5: unknown value 'nope'; known is create_payment\n"
        "     - {request: nope}\n"
        "        ^"
    )


def test_a_problem_without_a_place_in_the_text_is_rendered_without_a_line() -> None:
    assert render(NOPE._replace(place=(4, 1)), "a", TEXT).endswith("create_payment")
    assert render(NOPE._replace(place=None, hint=None), "a", TEXT) == "a: unknown value 'nope'"


def test_a_long_line_is_cut_around_the_caret() -> None:
    """At most 160 characters are shown, from the start of the line if possible."""
    line = f"{'x' * 499}y{'z' * 500}"
    shown = render(NOPE._replace(place=(1, 500)), "a", line).splitlines()

    assert shown[1:] == [f"    …{'x' * 78}y{'z' * 79}…", f"    {' ' * 79}^"]
    assert render(NOPE._replace(place=(1, 80)), "a", line).splitlines()[1:] == [
        f"    {'x' * 159}…", f"    {' ' * 79}^",
    ]  # fmt: skip
    assert render(NOPE._replace(place=(1, 1_001)), "a", line).splitlines()[1:] == [
        f"    …{'z' * 159}", f"    {' ' * 160}^",
    ]  # fmt: skip
    assert render(NOPE._replace(place=(1, 3)), "a", "xyz").splitlines()[2] == "      ^"


def test_a_warning_is_marked_in_the_sentence_and_the_json() -> None:
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


def test_problems_are_sorted_by_place_and_deduplicated() -> None:
    """Missing keys are kept as well; a path without a place gets that of its nearest parent."""
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


def test_problems_without_places_are_sorted_by_path() -> None:
    """Indexes are compared as numbers, and parents come before their parts."""
    paths = [("rules", 10), ("rules", 2), ("rules",), ("about",)]
    found = locate([Problem(path, "x") for path in paths], {})

    assert [each.path for each in found] == [("about",), ("rules",), ("rules", 2), ("rules", 10)]
    assert [each.place for each in found] == [None] * 4
