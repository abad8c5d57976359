"""Owns reports to show: one in which there is something of everything, and one that is well."""

from typing import Final

from payments_sandbox.cli.report_text import Reports
from payments_sandbox.client.models import ReportModel

WELL: Final[ReportModel] = {
    "passed": True,
    "expectations": [
        {
            "expect": {"payments": {"status": "completed"}, "count": 1},
            "met": True,
            "observed": "expected 1, saw 1: pay_1",
        }
    ],
    "rules": [
        {"scenario": "lost-reply", "rule": "lost", "matched": 1, "fired": 1, "why_not": None}
    ],
    "audit": {"clean": True, "findings": []},
}

EMPTY: Final[ReportModel] = {
    "passed": True,
    "expectations": [],
    "rules": [],
    "audit": {"clean": True, "findings": []},
}

BAD: Final[ReportModel] = {
    "passed": False,
    "expectations": [
        {
            "expect": {"request": "create_payment", "count": {"min": 2, "max": 4}},
            "met": True,
            "observed": "expected 2 to 4, saw 2: req_1, req_2",
        },
        {
            "expect": {"payments": {"description": '<b> & "you": on', "status": "on"}, "count": 1},
            "met": False,
            "observed": "expected 1, saw 2: pay_1, pay_2",
        },
        {"expect": {"audit": "clean"}, "met": False, "observed": "found possible_double_charge"},
    ],
    "rules": [
        {"scenario": "lost-reply", "rule": "lost", "matched": 1, "fired": 1, "why_not": None},
        {
            "scenario": "lost-reply",
            "rule": "noise",
            "matched": 3,
            "fired": 2,
            "why_not": "ran out of steps once (then: fail)",
        },
        {
            "scenario": "burst",
            "rule": "rule-1",
            "matched": 0,
            "fired": 0,
            "why_not": "no such call was made",
        },
    ],
    "audit": {
        "clean": False,
        "findings": [
            {
                "kind": "possible_double_charge",
                "message": "2500 USD were taken twice for 'a\x00b\ud800'.",
                "advice": "Look before you pay again.",
                "requests": ["req_1", "req_2"],
            }
        ],
    },
}


def alone(report: ReportModel) -> Reports:
    """The report of the only world there is."""
    return {"sk_test_sandbox": report}
