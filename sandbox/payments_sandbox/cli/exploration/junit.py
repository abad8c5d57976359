"""Owns the outcome of an exploration as JUnit XML: a case for each run, by call and failure."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.findings import JudgedRun
from payments_sandbox.exploration.planning import PlannedRun
from payments_sandbox.exploration.report import ExploredFlow, is_accepted
from payments_sandbox.exploration.report_text import finding_lines, summary
from payments_sandbox.verification.report_junit import clean_text, suites_as_xml

SUITE: Final = "payments-sandbox explore"


def as_explored_junit(flow: ExploredFlow, result: ExplorationResult) -> str:
    """One suite: a run that went wrong has failed, and what says nothing is skipped.

    Nothing is said by a run whose failure has not come up, or that was not made; and a finding that
    is accepted fails nothing.
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
        SubElement(case, "skipped", message=f"{run.verdict}, which is accepted")
    elif run.says_nothing:
        SubElement(case, "skipped", message="its failure has not come up")
    return case


def _left(planned: PlannedRun) -> Element:
    case = _named(planned)
    SubElement(case, "skipped", message="not made, since time was up")
    return case


def _named(planned: PlannedRun) -> Element:
    calls = " then ".join(str(each.name) for each in planned.injections)
    return Element(
        "testcase",
        classname=clean_text(f"{SUITE}.{calls}"),
        name=clean_text(f"{calls}: {planned.failure_ids}"),
    )
