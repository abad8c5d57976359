"""Owns where the reports of an exploration go: the terminal, the folder, files and JUnit XML."""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from payments_sandbox.cli.output_files import UnwritableError, forget, text_stream, write_whole
from payments_sandbox.cli.terminal.highlight import EXPLORATION, View, annotation
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.findings import JudgedRun
from payments_sandbox.exploration.judge import UNWELL
from payments_sandbox.exploration.page import as_page
from payments_sandbox.exploration.planning import PlannedRun
from payments_sandbox.exploration.report import (
    ExploredFlow,
    as_json,
    is_accepted,
    new_findings,
    scenario_of,
)
from payments_sandbox.exploration.report_text import WIDTH, as_text, finding_lines, summary
from payments_sandbox.scenarios.yaml_writer import text_of
from payments_sandbox.verification.report_junit import clean_text, suites_as_xml

SUITE: Final = "payments-sandbox explore"


PAGE: Final = "index.html"
DATA: Final = "report.json"

_TO_COPY: Final = ("     payments-sandbox run ", " " * 10)
"""The first words of lines that users copy from a report: a command, and a scenario's text."""


def prepare(arguments: argparse.Namespace) -> None:
    """Make the folder, and remove an earlier run's reports, so that nobody takes them for new.

    Raises:
        UnwritableError: the system rejects it.
    """
    folder: Path | None = arguments.report
    forget(arguments.junit_xml, arguments.json)
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableError(f"cannot create {folder}: {error.strerror}") from None
    earlier = (file for verdict in UNWELL for file in folder.glob(f"[0-9]*-{verdict}-*.yaml"))
    forget(folder / PAGE, folder / DATA, *earlier)


def publish(arguments: argparse.Namespace, flow: ExploredFlow, result: ExplorationResult) -> bool:
    """Print the report and write its files; return whether there are no new findings.

    Raises:
        UnwritableError: the system rejects it.
    """
    stream = text_stream(arguments.json, arguments.junit_xml)
    screen = screen_of(arguments, stream)
    text = as_text(flow, result, width=screen.width or WIDTH)
    stream.write(View(screen, EXPLORATION, verbatim=_TO_COPY).text(text))
    data = json.dumps(as_json(flow, result), indent=2, ensure_ascii=False) + "\n"
    if arguments.json is not None:
        write_whole(arguments.json, data)
    if arguments.junit_xml is not None:
        write_whole(arguments.junit_xml, as_explored_junit(flow, result))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        stream.write("".join(f"{line}\n" for line in annotations(flow, result)))
    if arguments.report is not None:
        write_whole(arguments.report / PAGE, as_page(flow, result))
        write_whole(arguments.report / DATA, data)
        for finding in result.found:
            write_whole(
                arguments.report / f"{finding.name}.yaml", text_of(scenario_of(finding, result))
            )
    return not new_findings(flow, result)


def annotations(flow: ExploredFlow, result: ExplorationResult) -> Iterator[str]:
    """A GitHub annotation for each finding that is not accepted."""
    for finding in new_findings(flow, result):
        run = finding.run
        lines = [*map(str, run.planned.injections), *run.why.evidence, flow.repeat_of(finding)]
        title = f"{finding.verdict}: {finding.verdict.meaning}"
        yield annotation("error", "\n".join(lines), title=title)


# The same as JUnit XML: a case for each run, by call and failure


def as_explored_junit(flow: ExploredFlow, result: ExplorationResult) -> str:
    """Format one test suite: runs that went wrong have failed, inconclusive ones are skipped.

    A run is inconclusive if its failure did not come up, or if it was not made. Accepted findings
    are skipped as well.
    """
    text = {
        run.planned.number: "\n".join(finding_lines(flow, finding))
        for finding in result.found
        if not is_accepted(flow, finding)
        for run in finding.witnesses
    }
    suite = Element("testsuite", name=f"{SUITE}: {clean_text(flow.title)}")
    suite.extend(_case(run, text.get(run.planned.number)) for run in result.runs)
    suite.extend(map(_left, result.left))
    SubElement(suite, "system-out").text = clean_text(summary(flow, result))
    return suites_as_xml(SUITE, [suite])


def _case(run: JudgedRun, text: str | None) -> Element:
    case = _named(run.planned)
    case.set("time", f"{run.record.end.seconds:.3f}")
    if text is not None:
        failure = SubElement(case, "failure", message=str(run.verdict))
        failure.text = clean_text(text)
    elif not run.verdict.is_well:
        SubElement(case, "skipped", message=f"{run.verdict}, accepted")
    elif run.says_nothing:
        SubElement(case, "skipped", message="its failure did not occur")
    return case


def _left(planned: PlannedRun) -> Element:
    case = _named(planned)
    SubElement(case, "skipped", message="not run: time was up")
    return case


def _named(planned: PlannedRun) -> Element:
    calls = " then ".join(str(each.name) for each in planned.injections)
    return Element(
        "testcase",
        classname=clean_text(f"{SUITE}.{calls}"),
        name=clean_text(f"{calls}: {planned.failure_ids}"),
    )
