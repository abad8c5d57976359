"""Plain texts with the colours and line breaks of a terminal."""

from payments_sandbox.cli.terminal.highlight import (
    EXPLANATION,
    EXPLORATION,
    LINT,
    REPORT,
    YAML,
    Colours,
    View,
)
from payments_sandbox.cli.terminal.screen import Screen
from payments_sandbox.core.colours import BAD, END, GOOD, NAME, POOR, QUIET, RULE, STRONG
from tests.support.tables import for_each

COLOURED = Screen(80, has_colours=True)


@for_each(
    ("colours", "line", "shown"),
    [
        (REPORT, "passed: 1 rule fired", f"{GOOD}passed{END}: 1 rule fired"),
        (REPORT, "failed: no", f"{BAD}failed{END}: no"),
        (REPORT, "audit:", f"{STRONG}audit:{END}"),
        (REPORT, "  NOT MET  {audit: clean}", f"{BAD}  NOT MET{END}  {{audit: clean}}"),
        (REPORT, "  met      x", f"{GOOD}  met{END}      x"),
        (REPORT, "  fired 1×  lost: lost", f"{RULE}  fired 1×{END}  lost: lost"),
        (REPORT, "  blind_retry", f"{BAD}  blind_retry{END}"),
        (REPORT, "           pay_1, x", f"           {NAME}pay_1{END}, x"),
        (LINT, "a.yaml:4:14: no; x", f"{STRONG}a.yaml:4:14:{END} no; x"),
        (LINT, "a.yaml:4:14: warning: x", f"{STRONG}a.yaml:4:14:{END} {POOR}warning:{END} x"),
        (LINT, "      ^", f"{BAD}      ^{END}"),
        (LINT, "1 problem in 1 file", f"{BAD}1 problem{END} in 1 file"),
        (EXPLANATION, "drop: a wire fault", f"{STRONG}drop{END}: a wire fault"),
        (EXPLANATION, "  `how: close`", f"  {RULE}`how: close`{END}"),
        (EXPLORATION, "  D  ·  t  -", f"  {BAD}D{END}  {GOOD}·{END}  {POOR}t{END}  -"),
        (YAML, "  - name: a  # why", f"  - {NAME}name{END}: a  {QUIET}# why{END}"),
    ],
)
def test_lines_are_coloured_by_their_content(colours: Colours, line: str, shown: str) -> None:
    assert View(COLOURED, colours).text(f"{line}\n") == f"{shown}\n"
    assert View(Screen(80), colours).text(f"{line}\n") == f"{line}\n"


def test_long_lines_wrap_with_a_hanging_indent() -> None:
    text = (
        "  NOT MET  {request: create_payment, count: 2}\nplain words that go on\n    - a: long line"
    )
    assert View(Screen(28), REPORT).text(text).splitlines() == [
        "  NOT MET  {request:",
        "           create_payment,",
        "           count: 2}",
        "plain words that go on",
        "    - a: long line",
    ]
    assert View(Screen(12), LINT).text(f"{'a' * 40}  b c d") == f"{'a' * 40}\n  b c d\n"


def test_verbatim_lines_are_not_wrapped() -> None:
    view = View(Screen(20), REPORT, verbatim=("     payments-sandbox run ",))
    line = "     payments-sandbox run --seed 7 -- pay"
    assert view.text(line) == f"{line}\n"


def test_piped_lines_are_not_wrapped() -> None:
    line = "x " * 100 + "y"
    assert View(Screen(), REPORT).text(line) == f"{line}\n"
