"""Owns the distinction between a crash and a handled failure: by a signal, or a stack trace.

A program that handles a failure reports it and exits. One that does not leaves a stack trace at the
end of stderr, in the form of its runtime.
"""

import re
import signal
from typing import Final, NamedTuple

LAST_LINES: Final = 60
"""In how many lines at the end of stderr a trace is looked for."""

_SIGNALLED: Final = 128


class Runtime(NamedTuple):
    """The form of a runtime's stack trace for an unhandled error, with an example."""

    name: str
    trace: re.Pattern[str]
    example: str


def _of(name: str, trace: str, example: str) -> Runtime:
    return Runtime(name, re.compile(trace, re.MULTILINE), example)


RUNTIMES: Final = (
    _of(
        "Python",
        r"^Traceback \(most recent call last\):",
        'Traceback (most recent call last):\n  File "shop.py", line 1\nKeyError: 1',
    ),
    _of("Node.js", r"^Node\.js v\d+", "TypeError: x\n    at pay (shop.js:1:1)\n\nNode.js v22.0.0"),
    _of(
        "Go",
        r"^(panic: |fatal error: )[\s\S]*^goroutine \d+",
        "panic: oh\n\ngoroutine 1 [running]:",
    ),
    _of("Java", r'^Exception in thread "', 'Exception in thread "main" java.io.IOException: x'),
    _of(".NET", r"^Unhandled exception\.", "Unhandled exception. System.Exception: x\n   at Pay()"),
    _of("Ruby", r"^\S+:\d+:in ['`].+\(\w+(::\w+)*\)$", "shop.rb:1:in `pay': no (RuntimeError)"),
    _of("PHP", r"^(PHP )?Fatal error:", "PHP Fatal error:  Uncaught Exception: x in shop.php:1"),
    _of("Rust", r"^thread '.*' .*panicked at", "thread 'main' panicked at src/main.rs:1:1:\nx"),
    _of(
        "the shell",
        r"^\S+: (line )?\d+: .*(parameter not set|unbound variable|[Ss]yntax error)",
        "pay.sh: 3: id: parameter not set",
    ),
    _of("Perl", r"^.+ at \S+\.p[lm] line \d+\.$", "no JSON at shop.pl line 3."),
)
"""Every runtime whose stack traces are recognised."""


def crash_evidence(exit_code: int, errors: str) -> str | None:
    """Say how a crash of a command was recognised; None if it has not crashed.

    If a signal has ended it, the exit code is 128 plus the number of the signal.
    """
    if exit_code == 0:
        return None
    if exit_code > _SIGNALLED and (name := _signal(exit_code - _SIGNALLED)):
        return f"ended by {name}"
    last = "\n".join(errors.splitlines()[-LAST_LINES:])
    runtime = next((each for each in RUNTIMES if each.trace.search(last)), None)
    if runtime is None:
        return None
    return f"exit status {exit_code}, with a trace of {runtime.name} at the end of stderr"


def _signal(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
