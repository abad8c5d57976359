"""Owns the report as JUnit XML, in the form that Jenkins, GitLab and most CI servers read."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.verification.report_text import (
    Reports,
    WorldReport,
    as_text,
    flow,
    undocumented_in_words,
)

SUITE: Final = "payments-sandbox"

_NOT_IN_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(reports: Reports) -> str:
    """Write a suite for each world, with a case for each expectation and each unusual rule.

    A rule that never fired is a skipped case. If something went wrong with a rule that fired, it is
    a failure in a failed report, and skipped otherwise. So there are failures if, and only if, a
    report has failed. The audit is a case, too. It is skipped if it has findings, which alone do
    not fail a report, and if nothing has happened.
    """
    return suites_as_xml(SUITE, map(_suite, _names(reports), reports))


def suites_as_xml(name: str, suites: Iterable[Element]) -> str:
    """Write suites of cases, each with the counts of its cases."""
    root = Element("testsuites", name=name)
    root.extend(suites)
    for suite in root:
        for count, kind in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            suite.set(count, str(sum(1 for _ in suite.iter(kind))))
        suite.set("errors", "0")
    indent(root)
    xml = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}\n'


def _names(reports: Reports) -> Iterator[str]:
    """Yield the names of the worlds, with a number if a world has several reports.

    A test thus has the same name in every run, whatever the position of its world.
    """
    seen: Counter[str] = Counter()
    for each in reports:
        seen[each.name] += 1
        again = seen[each.name]
        yield clean_text(each.name if again == 1 else f"{each.name} #{again}")


def _suite(name: str, world: WorldReport) -> Element:
    suite = Element("testsuite", name=f"{SUITE}: {name}")
    suite.extend(_expectations(name, world.report))
    suite.extend(_rules(name, world))
    suite.extend(_undocumented(name, world))
    suite.append(_audit(name, world))
    SubElement(suite, "system-out").text = clean_text(f"{world.title}\n{as_text([world])}")
    return suite


def _expectations(name: str, report: Json) -> Iterator[Element]:
    for each in report["expectations"]:
        case = _case(name, flow(each["expect"]))
        if not each["met"]:
            _explain(case, "failure", each["observed"])
        yield case


def _rules(name: str, world: WorldReport) -> Iterator[Element]:
    for rule in world.report["rules"]:
        if rule["why_not"] is not None:
            case = _case(name, f"{rule['scenario']}: {rule['rule']}")
            _explain(case, _outcome(rule, has_passed=world.report["passed"]), rule["why_not"])
            yield case


def _undocumented(name: str, world: WorldReport) -> Iterator[Element]:
    if world.undocumented:
        case = _case(name, "undocumented calls")
        text = "; ".join(map(undocumented_in_words, world.undocumented))
        _explain(case, "failure" if world.is_strict else "skipped", text)
        yield case


def _audit(name: str, world: WorldReport) -> Element:
    case = _case(name, "audit")
    kinds = dict.fromkeys(each["kind"] for each in world.report["audit"]["findings"])
    if kinds:
        _explain(case, "skipped", f"found {', '.join(kinds)}")
    elif not world.was_used:
        _explain(case, "skipped", "nothing happened: no requests received")
    return case


def _outcome(rule: Json, *, has_passed: bool) -> str:
    return "failure" if rule["fired"] and not has_passed else "skipped"


def _case(world: str, name: str) -> Element:
    return Element("testcase", classname=f"{SUITE}.{world}", name=clean_text(name))


def _explain(case: Element, outcome: str, why: str) -> None:
    SubElement(case, outcome).set("message", clean_text(why))


def clean_text(text: str) -> str:
    """Escape the characters that XML cannot contain, as in Python."""
    return _NOT_IN_XML.sub(lambda found: ascii(found[0])[1:-1], text)
