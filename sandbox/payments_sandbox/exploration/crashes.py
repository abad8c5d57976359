"""Owns how a crash is told from a handled failure: by a signal, or a runtime's last words.

A program that handles a failure says so and exits; one that does not leaves a trace of its calls,
which each runtime prints in a form of its own, as the last thing on stderr.
"""

import re
import signal
from typing import Final, NamedTuple

LAST_LINES: Final = 60
"""Lines at the end of stderr in which a trace is looked for."""

_SIGNALLED: Final = 128


class Runtime(NamedTuple):
    """How the last lines of a runtime say that nobody has handled an error, with an example."""

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
"""Every runtime whose traces are known."""


def crash_evidence(exit_code: int, errors: str) -> str | None:
    """Say by what it is known that a command has crashed; None where it has not.

    Its exit code is 128 and the number of a signal where one has ended it.
    """
    if exit_code == 0:
        return None
    if exit_code > _SIGNALLED and (name := _signal(exit_code - _SIGNALLED)):
        return f"{name} ended it"
    last = "\n".join(errors.splitlines()[-LAST_LINES:])
    runtime = next((each for each in RUNTIMES if each.trace.search(last)), None)
    if runtime is None:
        return None
    return f"exit status {exit_code}, and a trace of {runtime.name} at the end of stderr"


def _signal(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
