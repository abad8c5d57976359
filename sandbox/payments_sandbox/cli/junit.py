"""Owns the report as JUnit XML, in the form that Jenkins, GitLab and most CI servers read."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.report_text import Reports, as_text, flow
from payments_sandbox.client.models import ReportModel, ReportRuleModel

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SUITE: Final = "payments-sandbox"

_NOT_IN_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(reports: Reports) -> str:
    """A suite for each world: a case an expectation, and one a rule that has something to explain.

    A rule that never fired is a case that was skipped. What went wrong with one that did fire is a
    failure where the report has failed: so there are failures if, and only if, one has.
    """
    from xml.etree.ElementTree import Element, indent, tostring

    suites = Element("testsuites", name=SUITE)
    suites.extend(_suite(name, report) for name, report in reports.items())
    indent(suites)
    xml = tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}\n'


def _suite(name: str, report: ReportModel) -> "Element":
    from xml.etree.ElementTree import Element

    suite = Element("testsuite", name=f"{SUITE}: {name}")
    suite.extend(_expectations(report))
    suite.extend(_rules(report))
    for count, kind in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(count, str(sum(1 for _ in suite.iter(kind))))
    suite.set("errors", "0")
    _add(suite, "system-out").text = _clean(as_text({name: report}))
    return suite


def _expectations(report: ReportModel) -> Iterator["Element"]:
    for each in report["expectations"]:
        case = _case("expectations", flow(each["expect"]))
        if not each["met"]:
            _explain(case, "failure", each["observed"])
        yield case


def _rules(report: ReportModel) -> Iterator["Element"]:
    for rule in report["rules"]:
        if rule["why_not"] is not None:
            case = _case("rules", f"{rule['scenario']}: {rule['rule']}")
            _explain(case, _outcome(rule, has_passed=report["passed"]), rule["why_not"])
            yield case


def _outcome(rule: ReportRuleModel, *, has_passed: bool) -> str:
    return "failure" if rule["fired"] and not has_passed else "skipped"


def _case(part: str, name: str) -> "Element":
    from xml.etree.ElementTree import Element

    return Element("testcase", classname=f"{SUITE}.{part}", name=_clean(name))


def _explain(case: "Element", outcome: str, why: str) -> None:
    _add(case, outcome).set("message", _clean(why))


def _add(parent: "Element", tag: str) -> "Element":
    from xml.etree.ElementTree import SubElement

    return SubElement(parent, tag)


def _clean(text: str) -> str:
    """The text with what XML cannot hold written as Python would."""
    return _NOT_IN_XML.sub(lambda found: ascii(found[0])[1:-1], text)
