"""Owns the verdict of a run: the reports of its worlds, asked for and written to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.junit import as_junit
from payments_sandbox.cli.output_files import write_whole
from payments_sandbox.cli.remote_options import DEFAULT_KEY
from payments_sandbox.cli.report_text import Reports, as_text
from payments_sandbox.client.models import ReportModel

if TYPE_CHECKING:  # for the type checker alone
    from payments_sandbox.client.client import SandboxClient

_SHOWN: Final = 12
"""Characters of a key that are shown: enough to know a world by, and no more of a secret."""


def final_report(client: "SandboxClient") -> ReportModel:
    """The report of a world, after all that its expectations say may be waited for.

    Raises:
        ControlError: the server refuses, or no sandbox answers.
    """
    client.verify()
    return client.retrieve_report()


def world_names(keys: Sequence[str]) -> list[str]:
    """What readers know worlds by: a key may be a real service's, and so is not shown whole."""
    names = [key if key == DEFAULT_KEY else f"{key[:_SHOWN]}…" for key in keys]
    return names if len(names) == 1 else [f"{n}. {name}" for n, name in enumerate(names, start=1)]


def write_reports(reports: Reports, *, text: Path | None, junit: Path | None) -> None:
    """Write the files that were asked for.

    Raises:
        UnwritableError: the system refuses.
    """
    if text is not None:
        write_whole(text, as_text(reports))
    if junit is not None:
        write_whole(junit, as_junit(reports))
