"""Owns findings as annotations of GitHub, which shows them beside a pull request."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.report import ExploredFlow, new_findings
from payments_sandbox.exploration.verdicts import MEANINGS

_ESCAPES: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_ESCAPES, ord(":"): "%3A", ord(","): "%2C"}


def annotations(flow: ExploredFlow, result: ExplorationResult) -> Iterator[str]:
    """A line for each finding that nobody has accepted."""
    for finding in new_findings(flow, result):
        run = finding.run
        title = f"{finding.verdict}: {MEANINGS[finding.verdict]}".translate(_IN_PROPERTY)
        lines = [*map(str, run.planned.injections), *run.why.evidence, flow.repeat_of(finding)]
        yield f"::error title={title}::{chr(10).join(lines).translate(_ESCAPES)}"
