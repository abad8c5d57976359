"""Owns what is generated from the kinds of expectations and of findings: schemas, enums, tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from payments_sandbox.verification.expectations import EXPECTATION_KINDS
from payments_sandbox.verification.expectations.expectation import ExpectationKind
from payments_sandbox.verification.findings import FINDING_KINDS
from payments_sandbox.verification.report_text import flow

Json = dict[str, Any]

SCENARIO: Final = "schemas/scenario.schema.json"
AUDIT: Final = "schemas/control/responses/audit.json"
WITHIN: Final[Json] = {
    "description": "Waits this long for it, in wall time.",
    "$ref": "#/$defs/duration",
}


def schemas(texts: Mapping[str, str]) -> dict[str, str]:
    """Make the text of each schema that lists the kinds, by path, from the texts made so far."""
    return {
        path: json.dumps(change(json.loads(texts[path])), indent=2) + "\n"
        for path, change in ((SCENARIO, with_expectations), (AUDIT, with_findings))
    }


def with_expectations(scenario: Json) -> Json:
    """The schema of scenarios with a definition for each kind of expectation.

    Args:
        scenario: the schema; its definitions of expectations are replaced.
    """
    others = {
        name: part
        for name, part in scenario["$defs"].items()
        if name != "expectation" and not name.startswith("expect_")
    }
    when = others["when"]["properties"]
    made = {f"expect_{kind.key}": _definition(kind, when) for kind in EXPECTATION_KINDS}
    definitions = others | made | {"expectation": _expectation(EXPECTATION_KINDS)}
    return scenario | {"$defs": dict(sorted(definitions.items()))}


def _definition(kind: ExpectationKind, when: Json) -> Json:
    """The definition of one kind, with `within`, and with the matchers of its fields."""
    schema = dict(kind.schema)
    properties = {**schema["properties"], "within": WITHIN}
    if kind.matchers is not None and kind.fields:
        properties[kind.matchers] = {
            "description": properties[kind.matchers]["description"],
            "type": "object",
            "x-expected": properties[kind.matchers]["x-expected"],
            "properties": {field: when[field] for field in kind.fields},
            "additionalProperties": False,
        }
    head = {"description": schema["description"], "type": "object", "x-expected": "a mapping"}
    head |= {"x-hint": schema["x-hint"]} if "x-hint" in schema else {}
    rest = {key: value for key, value in schema.items() if key not in head}
    return head | rest | {"properties": properties, "additionalProperties": False}


def _expectation(kinds: Sequence[ExpectationKind]) -> Json:
    """The definition of any expectation, whose kind is the first one whose key it has."""
    *keys, last = [kind.key for kind in kinds]
    part: Json = {
        "not": {},
        "x-keys": [*keys, last],
        "x-expected": "an expectation",
        "x-hint": f"an expectation needs one of {', '.join(keys)} and {last}",
    }
    for kind in reversed(kinds):
        part = {
            "if": {"required": [kind.key]},
            "then": {"$ref": f"#/$defs/expect_{kind.key}"},
            "else": part,
        }
    return {
        "description": "What must be true afterwards.",
        "type": "object",
        "x-expected": "an expectation",
        "x-hint": "an expectation is a mapping such as {request: create_payment, count: 1}",
    } | part


def with_findings(audit: Json) -> Json:
    """The schema of the audit with every kind of finding in its enumeration."""
    audit["properties"]["findings"]["items"]["properties"]["kind"]["enum"] = [
        kind.name for kind in FINDING_KINDS
    ]
    return audit


def expectations_table() -> str:
    """An example of each kind of expectation, and a table of when each is met."""
    examples = [f"  - {flow(each)}" for kind in EXPECTATION_KINDS for each in kind.examples]
    rule = "  - {name: down, request: create_payment, do: [{respond: {error: internal_error}}]}"
    rows = [f"| `{kind.key}` | {kind.docs} |" for kind in EXPECTATION_KINDS]
    return "\n".join(
        [
            "```yaml",
            "rules:",
            rule,
            "expect:",
            *examples,
            "```",
            "",
            "| expectation | is met if |",
            "|---|---|",
            *rows,
        ]
    )


def findings_table() -> str:
    """A table of the kinds of findings: what exactly is reported, and what is not."""
    head = ["| kind | reported if | not reported for |", "|---|---|---|"]
    return "\n".join(
        [
            *head,
            *(
                f"| `{kind.name}` | {kind.reported} | {kind.not_reported} |"
                for kind in FINDING_KINDS
            ),
        ]
    )
