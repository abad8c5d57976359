"""Tables and lists of facts that commands print."""

from typing import Final

import pytest

from payments_sandbox.cli.terminal.columns import Cell, print_facts, print_rows
from payments_sandbox.cli.terminal.screen import Screen
from payments_sandbox.cli.terminal.standard_streams import remark
from payments_sandbox.core.colours import GOOD, NAME

ROWS = [("a", "first of all", "x" * 30), ("bb", "second", "")]


PIPED: Final = Screen()


def printed(
    capsys: pytest.CaptureFixture[str], *cut: tuple[int, int], width: int | None = None
) -> list[str]:
    """Print the rows and return the lines."""
    print_rows(Screen(width), ROWS, cut=cut)
    return capsys.readouterr().out.splitlines()


def test_piped_tables_are_not_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, (2, 1)) == [f"a   first of all  {'x' * 30}", "bb  second"]


@pytest.mark.parametrize(
    ("width", "first"),
    [
        (80, f"a   first of all  {'x' * 30}"),
        (30, f"a   first of all  {'x' * 11}…"),
        (20, "a   first …  xxxxxx…"),
        (14, "a   f…  xxxxx…"),
        (5, "a   …  …"),
    ],
)
def test_columns_are_cut_in_the_given_order_until_the_table_fits(
    capsys: pytest.CaptureFixture[str], width: int, first: str
) -> None:
    cut = ((2, 7), (1, 2), (2, 6), (1, 1), (2, 1))
    assert printed(capsys, *cut, width=width)[0] == first


def test_a_folded_column_wraps_under_its_own_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("card", "declines the payment"), ("other", "pays")]
    print_rows(Screen(18), rows, fold=((1, 8),))
    assert capsys.readouterr().out == "card   declines\n       the payment\nother  pays\n"
    print_rows(Screen(9), rows, fold=((1, 8),))
    assert capsys.readouterr().out.splitlines()[1:3] == ["       the", "       payment"]


def test_wide_characters_count_as_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("顧客", "a"), ("Zoë", "b"), ("abcd", "c")]
    print_rows(PIPED, rows)
    assert capsys.readouterr().out == "顧客  a\nZoë   b\nabcd  c\n"
    print_rows(Screen(6), rows, cut=((0, 1),))
    assert capsys.readouterr().out == "顧…  a\nZoë  b\nab…  c\n"


def test_an_empty_table_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(PIPED, [], cut=((0, 1),), fold=((0, 1),))
    print_rows(Screen(80), [("", "")], cut=((0, -1),))
    assert capsys.readouterr().out == "\n"


def test_control_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    facts = (("name", "Zoë \x1b[2J\n"), ("none", None), ("empty", ""), ("number", 0))
    print_facts(PIPED, (*facts, ("nobody", Cell("", NAME))))
    assert capsys.readouterr().out == "name    Zoë \\x1b[2J\\n\nnumber  0\n"


def test_colours_and_links_do_not_affect_alignment(capsys: pytest.CaptureFixture[str]) -> None:
    """They are printed only if the screen supports them."""
    rows = [(Cell("a", GOOD, "file:///a"), "1"), (Cell("bb", NAME), "2")]
    print_rows(Screen(80, has_colours=True, has_links=True), rows)
    print_rows(Screen(80, has_colours=True), rows)
    print_rows(Screen(80), rows)
    assert capsys.readouterr().out.splitlines() == [
        "\x1b]8;;file:///a\x1b\\\x1b[32ma\x1b[0m\x1b]8;;\x1b\\   1",
        "\x1b[36mbb\x1b[0m  2",
        "\x1b[32ma\x1b[0m   1",
        "\x1b[36mbb\x1b[0m  2",
        "a   1",
        "bb  2",
    ]


def test_a_remark_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    remark("there is none")
    assert capsys.readouterr() == ("", "payments-sandbox: there is none.\n")
