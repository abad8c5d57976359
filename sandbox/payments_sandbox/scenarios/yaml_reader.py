"""Owns the reading of a scenario's YAML: plain values, their places, and problems.

It accepts the core of YAML 1.2 without its surprises: no anchors, tags or merge keys, no repeated
keys, at most sixteen levels. It reads the parser's events instead of nodes, because libyaml's
composer recurses without a limit and can crash the process.

After a syntax error, the values before it are kept, so that they can be checked. A `*` without
quotes is reported, and read as if it had them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import yaml

from payments_sandbox.contract.schema_errors import Path, presentable
from payments_sandbox.scenarios.diagnostics import KEY, Place, Problem

MOST: Final = 256 * 1024
"""How many characters a text may have."""

DEEPEST: Final = 16
_DEEPER: Final = f"nested deeper than {DEEPEST} levels"

_CORE: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (re.compile(r"null|~|"), lambda _: None),
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(r"-?(?:0|[1-9][0-9]{0,18})"), int),
    (re.compile(r"-?(?:0|[1-9][0-9]{0,15})\.[0-9]{1,15}"), lambda text: _number(float(text))),
)
"""Unquoted scalars that are not text: YAML 1.2 core without hex, octal, exponents and inf."""

_AMBIGUOUS: Final = re.compile(
    r"""(?: yes|no|on|off|y|n ) | [+-]?(?: 0[0-9_]+ | 0[xob][0-9a-f_]+ )
    | [+-]?[0-9][0-9]*_[0-9_]* | [+-]?[0-9]+(?::[0-5]?[0-9])+ | \+[0-9]+
    | [+-]?(?:[0-9]+\.|\.[0-9]+) | [+-]?[0-9.]+e[+-]?[0-9]+ | [+-]?\.(?:inf|nan)""",
    re.IGNORECASE | re.VERBOSE,
)
"""Unquoted scalars that YAML readers interpret differently."""

_CAPITALISED: Final = {"True", "TRUE", "False", "FALSE", "Null", "NULL"}
_MINOR_UNITS: Final = frozenset({"amount", "total"})
"""The keys, or the last but one, of amounts in minor units: 50.00 is 50 of them, and not 5000."""

_STAR: Final = "* alone is not a value in YAML"
_QUOTED_STAR: Final = "\ue000"
"""Replaces a `*` without quotes when the text is read again."""

_MOST_STARS: Final = 8
_LONGEST_REREAD: Final = 32 * 1024
"""How long a text may be to be read again because of a `*`: each reading takes as long."""

_TOO_DEEP: Final = "exceeded maximum nesting depth"
"""The error of libyaml from 0.2.6 on for a thousand levels, before any event."""


class _Mark(Protocol):
    """A position in a text, counted from 0."""

    line: int
    column: int


class _Unreadable(Exception):
    """The rest of the text cannot be read."""

    def __init__(self, mark: "_Mark | None", message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem((), message, hint, _place(mark))


@dataclass(slots=True)
class Document:
    """The result of reading a text.

    Attributes:
        data: its plain values, as far as they could be read; None if there are none.
        places: line and column of each value by its path, and of each key by that path and `KEY`.
        problems: the problems of the text itself.
        cut: the path of the innermost value that was incomplete at the syntax error; None if the
            whole text was read.
    """

    data: object = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    cut: Path | None = None

    @property
    def is_readable(self) -> bool:
        """Whether the whole text was read."""
        return self.data is not None and self.cut is None


def read_document(text: str) -> Document:
    """Read a YAML text; nearly all JSON is YAML."""
    if len(text) > MOST:
        return Document(problems=[Problem((), f"the text is longer than {MOST} characters")])
    stars: list[Problem] = []
    while (star := _read(text, document := Document())) is not None:
        stars.append(document.problems.pop())
        if len(stars) > _MOST_STARS or len(text) > _LONGEST_REREAD:
            break
        text = f"{text[:star]}{_QUOTED_STAR}{text[star + 1 :]}"
    document.problems += stars
    return document


def _read(text: str, document: Document) -> int | None:
    """Read a text; return the position of a `*` without quotes if that stops it, else None."""
    try:
        _Reader(text, document).read()
    except _Unreadable as error:
        document.problems.append(error.problem)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.problems.append(problem := Problem((), *_yaml_error_text(error), _place(mark)))
        if problem.message == _STAR and mark is not None and text[mark.index - 1] == "*":
            return int(mark.index) - 1
    except yaml.reader.ReaderError as error:  # it has an offset instead of a mark
        before = text[: int(error.position)]
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        document.problems.append(Problem((), "a control character is not allowed", None, place))
    return None


class _Reader:
    """Builds the values of a document from the parser's events; partial values are kept, too."""

    def __init__(self, text: str, document: Document) -> None:
        self._events = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        self._document = document

    def read(self) -> None:
        """Read the one value of the text, if there is one."""
        self._next()  # the stream starts
        if isinstance(self._next(), yaml.StreamEndEvent):
            return
        self._value(self._next(), (), self._keep_root)
        self._next()  # the document ends
        if not isinstance(after := self._next(), yaml.StreamEndEvent):
            raise _Unreadable(after.start_mark, "a second document", "write one scenario per file")

    def _keep_root(self, value: object) -> None:
        self._document.data = value

    def _next(self) -> yaml.Event:
        event: yaml.Event = self._events.get_event()
        return event

    def _value(self, event: yaml.Event, path: Path, keep: Callable[[object], object]) -> None:
        self._document.places[path] = _place(event.start_mark)
        if len(path) > DEEPEST:
            raise _Unreadable(event.start_mark, _DEEPER)
        self._reject_unsupported(event, path)
        match event:
            case yaml.MappingStartEvent():
                keep(found := dict[str, object]())
                self._mapping(path, found)
            case yaml.SequenceStartEvent():
                keep(values := list[object]())
                self._sequence(path, values)
            case yaml.ScalarEvent():
                keep(self._scalar(event, path))
            case _:
                keep(None)

    def _reject_unsupported(self, event: yaml.Event, path: Path) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._problem(
                event, path, "anchors and aliases are not supported", "write the value out"
            )
        if (tag := getattr(event, "tag", None)) is not None:
            self._problem(
                event, path, f"the tag {presentable(tag)} is not supported", "leave it out"
            )

    def _mapping(self, path: Path, found: dict[str, object]) -> None:
        self._document.cut = path
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            name = self._key(key, path, found)
            place = _place(key.start_mark)
            self._value(self._next(), (*path, name), partial(found.setdefault, name))
            self._document.places[*path, name, KEY] = place
        self._document.cut = path[:-1] if path else None

    def _key(self, event: yaml.Event, path: Path, found: dict[str, object]) -> str:
        """Read a key; it is used even if there is a problem with it."""
        if not isinstance(event, yaml.ScalarEvent):
            raise _Unreadable(event.start_mark, "a key must be a single word")
        name = presentable(event.value)
        self._reject_unsupported(event, (*path, event.value, KEY))
        if event.value == "<<":
            self._problem(event, path, "merge keys are not supported", "write the keys out")
        elif event.value in found:
            self._problem(event, path, f"'{name}' is given twice", "remove one of them")
        elif event.implicit[0] and _AMBIGUOUS.fullmatch(event.value):
            self._problem(event, path, *_ambiguity(name))
        return event.value

    def _sequence(self, path: Path, found: list[object]) -> None:
        self._document.cut = path
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self._value(event, (*path, len(found)), found.append)
        self._document.cut = path[:-1] if path else None

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> object:
        text = event.value
        if not event.implicit[0]:
            return text
        if text == _QUOTED_STAR:
            return "*"
        for pattern, read in _CORE:
            if pattern.fullmatch(text):
                value = read(text)
                names = [step for step in path if isinstance(step, str)][-2:]
                if "." in text and isinstance(value, int) and not _MINOR_UNITS.isdisjoint(names):
                    message, hint = f"{text} is read as {value} minor units", "5000 is 50.00"
                    self._problem(event, path, message, hint, is_warning=True)
                return value
        if text in _CAPITALISED:
            message = f"{text} is read as text by some YAML readers"
            self._problem(event, path, message, f"write {text.lower()}")
        elif _AMBIGUOUS.fullmatch(text):
            self._problem(event, path, *_ambiguity(presentable(text)))
        return text

    def _problem(
        self, event: yaml.Event, path: Path, message: str, hint: str, *, is_warning: bool = False
    ) -> None:
        problem = Problem(path, message, hint, _place(event.start_mark), is_warning)
        self._document.problems.append(problem)


def _ambiguity(text: str) -> tuple[str, str]:
    plain = "true or false" if text.isalpha() else "the number plainly"
    message = f"YAML readers disagree on what {text} means"
    return message, f"write {plain}, or '{text}' in quotes if text is meant"


def _yaml_error_text(error: yaml.MarkedYAMLError) -> tuple[str, str | None]:
    """The message and hint for an error of PyYAML; better ones for the most common mistakes."""
    if "alias" in (error.context or ""):
        return _STAR, 'write "*" in quotes'
    if error.problem == _TOO_DEEP:
        return _DEEPER, None
    if error.problem == "found character that cannot start any token":
        return error.problem, "indent with spaces, not tabs, and write text with @ or ` in quotes"
    return error.problem or "this is not YAML", None


def _number(value: float) -> float:
    """Return an integer if the number is whole, however it is written."""
    return int(value) if value.is_integer() else value


def _place(mark: _Mark | None) -> Place:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
