"""Tables and facts that commands print."""

import pytest

from payments_sandbox.cli.columns import print_facts, print_rows, remark

ROWS = [("a", "first of all", "x" * 30), ("bb", "second", "")]


@pytest.fixture(autouse=True)
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says how wide the terminal is, and there is none."""
    monkeypatch.delenv("COLUMNS", raising=False)


def printed(capsys: pytest.CaptureFixture[str], *cut: tuple[int, int]) -> list[str]:
    """The lines of the rows."""
    print_rows(ROWS, cut=cut)
    return capsys.readouterr().out.splitlines()


def test_what_is_piped_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
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
def test_columns_are_shortened_one_after_the_other_where_there_is_no_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, first: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert printed(capsys, (2, 7), (1, 2), (2, 6), (1, 1), (2, 1))[0] == first


def test_a_table_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], cut=((0, 1),))
    assert capsys.readouterr().out == ""


def test_nothing_is_printed_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts((("name", "Zoë \x1b[2J\n"), ("none", None), ("empty", ""), ("number", 0)))
    assert capsys.readouterr().out == "name    Zoë \\x1b[2J\\n\nnumber  0\n"


def test_a_remark_is_no_part_of_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    remark("there is none")
    assert capsys.readouterr() == ("", "payments-sandbox: there is none.\n")
