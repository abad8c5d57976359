"""Owns the verdict of a run: the reports of its worlds, gathered and written to files."""

from pathlib import Path
from typing import TYPE_CHECKING

from payments_sandbox.cli.output_files import write_whole
from payments_sandbox.verification.report_junit import as_junit
from payments_sandbox.verification.report_page import as_page
from payments_sandbox.verification.report_text import Reports, WorldReport, as_text

if TYPE_CHECKING:  # for the type checker alone
    from payments_sandbox.client.client import SandboxClient


def final_report(client: "SandboxClient", *, is_strict: bool) -> WorldReport:
    """The report of a running world, after all that its expectations say may be waited for.

    Args:
        client: of the world.
        is_strict: whether an undocumented call fails it.

    Raises:
        ControlError: the server refuses, since the key has no world, or no sandbox answers.
    """
    client.retrieve_report()  # it refuses a key that has no world, which `verify` would make
    client.verify()
    world, report = client.retrieve_world(), client.retrieve_report()
    was_used = bool(world["requests"]["kept"] or world["requests"]["dropped"] or world["events"])
    return WorldReport(str(client.api_key), report, was_used=was_used, is_strict=is_strict)


def write_reports(
    reports: Reports, *, text: Path | None = None, junit: Path | None, html: Path | None = None
) -> None:
    """Write the files that were asked for.

    Raises:
        UnwritableError: the system refuses.
    """
    if text is not None:
        write_whole(text, as_text(reports))
    if junit is not None:
        write_whole(junit, as_junit(reports))
    if html is not None:
        write_whole(html, as_page(reports))
