"""Owns how shared texts, such as reports, are shown on a terminal: with colours, and wrapped.

The words of such a text are the same in a file, over HTTP and here. GitHub's logs additionally show
annotations, lines with a syntax of their own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Final, NamedTuple

from payments_sandbox.cli.terminal.screen import Screen
from payments_sandbox.core.colours import BAD, GOOD, NAME, POOR, QUIET, RULE, STRONG, painted

Colours = Sequence[tuple[str, str]]
"""Regular expressions and the colours of what they match; the first match counts."""

_IDS: Final = (r"\b(?:pay|ref|chb|evt|dlv|req|we)_\w+", NAME)

REPORT: Final[Colours] = (
    (r"(?:^|(?<=^payments-sandbox: ))passed\b", GOOD),
    (r"(?:^|(?<=^payments-sandbox: ))failed\b", BAD),
    (r"(?:^|(?<=^payments-sandbox: ))nothing happened\b", POOR),
    (r"^(?:expectations|rules|undocumented calls|audit):$", STRONG),
    (r"^  NOT MET\b", BAD),
    (r"^  met\b", GOOD),
    (r"^  never fired\b", POOR),
    (r"^  fired \S+", RULE),
    (r"^  [a-z_]+$", BAD),
    _IDS,
)

EXPLORATION: Final[Colours] = (
    (r"^nothing found\b", GOOD),
    (r"^[0-9]+ findings?\b", BAD),
    (r"^[0-9]{2} \w+", BAD),
    (r"^ +→", POOR),
    (r"^ +advice:", GOOD),
    (r"(?<=  )[DRLPFWHC](?=  |$)", BAD),
    (r"(?<=  )t(?=  |$)", POOR),
    (r"(?<=  )·(?=  |$)", GOOD),
    _IDS,
)

LINT: Final[Colours] = (
    (r"^\S+:[0-9]+:[0-9]+:", STRONG),
    (r"(?<=: )warning:", POOR),
    (r"^ +\^$", BAD),
    (r"^no problems\b", GOOD),
    (r"^[0-9]+ problems?\b", BAD),
)

PROOF: Final[Colours] = (
    (r"(?:^|(?<=  ))fails:", BAD),
    (r"(?:^|(?<=  ))passes:", GOOD),
    (r"^Proved\b", GOOD),
    (r"^Not proved\b", BAD),
    _IDS,
)

EXPLANATION: Final[Colours] = (
    (r"^[^\s:]+(?=: )", STRONG),
    (r"^  in a scenario:$", QUIET),
    (r"\bcard [0-9]{13,}", NAME),
    (r"`[^`]+`", RULE),
    _IDS,
)

YAML: Final[Colours] = (
    (r"^ *#.*", QUIET),
    (r"(?<= )#.*", QUIET),
    (r"[\w./-]+(?=:(?: |$))", NAME),
)

_HEAD: Final = re.compile(r" *(?:[^ ]+(?: [^ ]+)*  +)?")
"""The start of a line, up to the column at which its continuation lines begin."""

_DEEPEST: Final = 30
"""The most columns by which continuation lines are indented."""


class View(NamedTuple):
    """How a kind of text is shown.

    Attributes:
        screen: the screen to fit it to.
        colours: the colours of its parts.
        verbatim: the starts of lines that users copy, which are not wrapped.
    """

    screen: Screen
    colours: Colours
    verbatim: tuple[str, ...] = ()

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines in colour, none wider than the screen."""

        def coloured(hit: re.Match[str]) -> str:
            return painted(hit[0], named[hit.lastgroup or ""][1])

        named = {f"_{number}": each for number, each in enumerate(self.colours)}
        found = re.compile("|".join(f"(?P<{name}>{each})" for name, (each, _) in named.items()))
        for line in lines:
            for shown in self._wrapped(line):
                yield found.sub(coloured, shown) if self.screen.has_colours else shown

    def text(self, text: str) -> str:
        """A text of complete lines in colour and wrapped."""
        return "".join(f"{line}\n" for line in self.lines(text.splitlines()))

    def _wrapped(self, line: str) -> list[str]:
        """Wrap a line, and indent its continuation to where its text begins."""
        width = self.screen.width
        if width is None or len(line) <= width or line.startswith(self.verbatim):
            return [line]
        head = _HEAD.match(line)
        indent = len(head[0]) if head and len(head[0]) <= _DEEPEST else 2
        return wrap(
            line,
            width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


_ESCAPES: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_ESCAPES, ord(":"): "%3A", ord(","): "%2C"}


def annotation(kind: str, message: str, **properties: object) -> str:
    """Format a GitHub annotation: an `error` or a `warning`, with properties such as its file."""
    where = ",".join(
        f"{name}={str(value).translate(_IN_PROPERTY)}" for name, value in properties.items()
    )
    return f"::{kind} {where}::{message.translate(_ESCAPES)}"
