"""Owns what was found before and is known: read from the JSON report of an earlier exploration."""

import json
from pathlib import Path
from typing import Any

from payments_sandbox.exploration.report import FORMAT


def read_baseline(file: Path) -> frozenset[str]:
    """The identities of what an earlier exploration has found.

    Raises:
        ValueError: the file cannot be read, or is no such report.
    """
    return frozenset(each["identity"] for each in read_report(file)["findings"])


def read_report(file: Path) -> dict[str, Any]:
    """Read the JSON report of an earlier exploration.

    Raises:
        ValueError: the file cannot be read, or is no such report.
    """
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        report = None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise ValueError("expected a report that `explore --json FILE` has written")
    return report
