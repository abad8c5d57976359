"""Owns the routes of held calls: list them, and decide which step each one gets."""

from typing import Any, Final

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest, NotHeld
from payments_sandbox.core.masking import mask_json
from payments_sandbox.rules.model import RequestRule, Step
from payments_sandbox.scenarios.loader import load_value
from payments_sandbox.scenarios.yaml_reader import read_document
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.scenarios import refuse_problems
from payments_sandbox.server.journal_json import held_call_json

_DEPTH: Final = len(("rules", 0, "do", 0))
"""The length of the step's path in the scenario that `_read_step` puts it into."""


def list_held_calls(request: ControlRequest) -> dict[str, object]:
    """List the held calls of the world, oldest first."""
    found = request.runtime.held_calls.in_world(request.world)
    return representations.page([held_call_json(each) for each in found], has_more=False)


async def decide_held_call(request: ControlRequest) -> dict[str, object]:
    """Give a held call its step, and answer when the step has been applied."""
    held_calls = request.runtime.held_calls
    pending = held_calls.find(request.world, request.path_parameter)
    source = _read_body(request)["do"]
    source = {source: True} if isinstance(source, str) else source
    operation = str(pending.held.call.operation)
    step = _read_step(source, operation, request.settings.max_wall_delay)
    pending.decide(step, {key: mask_json(value) for key, value in source.items()})
    await pending.settled.wait()
    if pending.request_id is None and pending not in held_calls.in_world(request.world):
        raise NotHeld  # its world was reset before the step was applied
    return held_call_json(pending)


def _read_body(request: ControlRequest) -> dict[str, Any]:
    """Return the body, which may be YAML, like a step in a scenario file."""
    if request.text is None:
        return request.body
    document = read_document(request.text)
    refuse_problems(document.problems)
    checked: dict[str, Any] = request.contract.check(
        "control/requests/decide_held_call", document.data
    )
    return checked


def _read_step(source: dict[str, object], operation: str, longest_wait: int) -> Step:
    """Read a step, as if it were in a rule about the operation.

    Raises:
        InvalidScenario: the step has problems; their paths begin with `/do`.
        InvalidRequest: the step has `times`, although it is for this one call.
    """
    about_it = {"request": operation, "do": [source]}
    scenario = {"scenario": "held", "seed": 0, "rules": [about_it]}  # draws use the world's seed
    loaded = load_value(scenario, longest_wait=longest_wait)
    refuse_problems([each._replace(path=("do", *each.path[_DEPTH:])) for each in loaded.problems])
    if "times" in source:
        raise InvalidRequest("/do/times: not allowed here; the step answers one call.")
    rules = () if loaded.scenario is None else loaded.scenario.rules
    return next(each.steps[0] for each in rules if isinstance(each, RequestRule))
