"""Owns what a failed test shows of its worlds: lines for the report, and all of it as a file."""

import json
import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from payments_sandbox.client.errors import ControlError
from payments_sandbox.testing.sandbox import Sandbox, explain_request

SHOWN: Final = 20
"""Requests that the report shows; the file has all that the journal keeps."""


def failure_report(worlds: Sequence[Sandbox]) -> str:
    """What has happened in the worlds of a test, for its report."""
    return "\n".join(map(_story, worlds))


def write_journal(worlds: Sequence[Sandbox], test: str, folder: Path) -> Path:
    """Write all that the worlds of a test have seen and done, as JSON and as text.

    Args:
        worlds: of one test.
        test: its id.
        folder: where the files go; the name is the test's.

    Returns:
        The JSON file; the text is beside it.
    """
    digest = blake2b(test.encode(), digest_size=4).hexdigest()
    name = re.sub(r"[^\w.-]+", "-", test).strip("-")[-100:]
    file = folder / f"{name}-{digest}.json"
    record = {"test": test, "worlds": [_record(world) for world in worlds]}
    file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    text = "\n".join([test, *map(_whole_story, worlds), ""])
    file.with_suffix(".txt").write_text(text, encoding="utf-8")
    return file


def _story(world: Sandbox) -> str:
    try:
        lines = [_head(world)]
        requests = world.requests
        if len(requests) > SHOWN:
            lines.append(f"… {len(requests) - SHOWN} earlier requests")
        return "\n".join([*lines, *map(explain_request, requests[-SHOWN:]), *_judgement(world)])
    except ControlError as error:
        return f"{world!r} cannot be asked: {error}"


def _whole_story(world: Sandbox) -> str:
    try:
        events = [f"{each['id']} at {each['created_at']}: {each['type']}" for each in world.events]
        lines = [_head(world), *map(explain_request, world.requests), *events, *_judgement(world)]
        return "\n".join(lines)
    except ControlError as error:
        return f"{world!r} cannot be asked: {error}"


def _record(world: Sandbox) -> dict[str, object]:
    try:
        return {
            "world": world.control.retrieve_world(),
            "requests": world.requests,
            "events": world.events,
            "deliveries": world.deliveries,
            "report": world.report(),
        }
    except ControlError as error:
        return {"api_key": world.api_key, "error": str(error)}


def _judgement(world: Sandbox) -> Iterator[str]:
    """How expectations stand, what kept rules from firing, what the audit has found."""
    report = world.report()
    for each in report["expectations"]:
        verdict = "met" if each["met"] else "not met"
        yield f"{verdict}: {json.dumps(each['expect'])}: {each['observed']}"
    for rule in report["rules"]:
        if rule["why_not"] is not None:
            yield f"rule {rule['rule']}: {rule['why_not']}"
    for finding in report["audit"]["findings"]:
        yield f"audit: {finding['kind']}: {finding['message']}"


def _head(world: Sandbox) -> str:
    state = world.control.retrieve_world()
    counts = [f"{count} {name}" for name, count in state["payments"].items() if count]
    payments = ", ".join(counts) or "no"
    return (
        f"world {world.api_key}, seed {world.seed}, at {world.base_url}: {payments} payments,"
        f" clock {state['clock']['mode']} at {state['clock']['now']}"
    )
