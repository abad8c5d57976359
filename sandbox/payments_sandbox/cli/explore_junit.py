"""Owns the outcome of an exploration as JUnit XML: a case for each run, by call and failure."""

from typing import TYPE_CHECKING, Final

from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.findings import JudgedRun
from payments_sandbox.exploration.planning import PlannedRun
from payments_sandbox.exploration.report import ExploredFlow, is_accepted
from payments_sandbox.exploration.report_text import finding_lines, summary
from payments_sandbox.verification.report_junit import clean_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SUITE: Final = "payments-sandbox explore"


def as_explored_junit(flow: ExploredFlow, result: ExplorationResult) -> str:
    """One suite: a run that went wrong has failed, and what says nothing is skipped.

    Nothing is said by a run whose failure has not come up, or that was not made; and a finding that
    is accepted fails nothing.
    """
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    told = {
        run.planned.number: "\n".join(finding_lines(flow, finding))
        for finding in result.found
        if not is_accepted(flow, finding)
        for run in finding.witnesses
    }
    suites = Element("testsuites", name=SUITE)
    suite = SubElement(suites, "testsuite", name=f"{SUITE}: {clean_text(flow.title)}")
    suite.extend(_case(run, told.get(run.planned.number)) for run in result.runs)
    suite.extend(_left(planned) for planned in result.left)
    for count, kind in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(count, str(sum(1 for _ in suite.iter(kind))))
    suite.set("errors", "0")
    SubElement(suite, "system-out").text = clean_text(summary(flow, result))
    indent(suites)
    xml = tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}\n'


def _case(run: JudgedRun, told: str | None) -> "Element":
    from xml.etree.ElementTree import SubElement

    case = _named(run.planned)
    case.set("time", f"{run.record.end.seconds:.3f}")
    if told is not None:
        failure = SubElement(case, "failure", message=str(run.verdict))
        failure.text = clean_text(told)
    elif not run.verdict.is_well:
        SubElement(case, "skipped", message=f"{run.verdict}, which is accepted")
    elif not run.is_met:
        SubElement(case, "skipped", message="its failure has not come up")
    return case


def _left(planned: PlannedRun) -> "Element":
    from xml.etree.ElementTree import SubElement

    case = _named(planned)
    SubElement(case, "skipped", message="not made, since time was up")
    return case


def _named(planned: PlannedRun) -> "Element":
    from xml.etree.ElementTree import Element

    calls = " then ".join(str(each.name) for each in planned.injections)
    failures = " then ".join(each.failure.id for each in planned.injections)
    return Element(
        "testcase",
        classname=clean_text(f"{SUITE}.{calls}"),
        name=clean_text(f"{calls}: {failures}"),
    )
