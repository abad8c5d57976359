"""Owns the judgement of a world when its tests have run: it is asked for, and written down."""

from pathlib import Path
from typing import cast

from sandbox.cli.files import write_whole
from sandbox.cli.junit import in_junit
from sandbox.cli.remote import Remote
from sandbox.cli.reporting import Report, in_one_line, in_text


def judged(world: Remote) -> Report:
    """The report of a world, after all that its expectations say may be waited for.

    Raises:
        RemoteError: the server refuses, or nobody answers.
    """
    world.ask("POST", "/verify", b"{}", patience=None)
    return cast("Report", world.ask("GET", "/report"))


def write_down(report: Report, *, text: Path | None, junit: Path | None) -> None:
    """Write the files that were asked for.

    Raises:
        UnwritableError: the system refuses.
    """
    if text is not None:
        write_whole(text, in_text(report))
    if junit is not None:
        write_whole(junit, in_junit(report))


def in_short(report: Report) -> str:
    """What there is to say at the end: nothing, a line when all is well, or all of it."""
    is_clean = report["audit"]["clean"]
    if is_clean and not report["expectations"] and not report["rules"]:
        return ""
    has_gone_as_meant = all(rule["why_not"] is None for rule in report["rules"])
    if report["passed"] and is_clean and has_gone_as_meant:
        return f"{in_one_line(report)}\n"
    return in_text(report)
