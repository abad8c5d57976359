"""Owns the generated parts of the scenario schema: outcomes, actions, matchers, words, endpoints.

`tools/verification_families.py` adds the expectations; the rest of the file is written by hand.
Definitions that nothing refers to are removed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.payments.events import EVENT_FAMILIES, EventType
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.actions import ACTIONS
from payments_sandbox.rules.fields import FIELDS
from payments_sandbox.rules.model import Per, Then
from payments_sandbox.rules.outcomes import OUTCOMES
from payments_sandbox.rules.webhook_effects import BodyFault, DeliveryOrder, Signature

Json = dict[str, Any]

FILE: Final = "schemas/scenario.schema.json"
STEP: Final = "schemas/control/objects/scenario_step.json"
ENDPOINTS: Final = "control/requests/create_webhook_endpoint"
_BESIDE_OUTCOMES: Final = ("delay", "times")
_EVENTS: Final = [*EventType, *EVENT_FAMILIES, "*"]
_OPERATIONS: Final = [*BY_NAME, "*"]
_MODIFIERS: Final = "modifier_mapping/properties"

ENUMERATIONS: Final[Mapping[str, Sequence[str]]] = {
    "request_rule/properties/request": _OPERATIONS,
    "event_rule/properties/event": _EVENTS,
    "webhook_rule/properties/webhook": _EVENTS,
    "brand_value": list(Brand),
    "currency_value": schema_files()["objects/currency"]["enum"],
    "status_value": list(Status),
    "request_rule/properties/then": list(Then),
    **{f"{kind}_rule/properties/per": list(Per) for kind in ("request", "event", "webhook", "at")},
    f"{_MODIFIERS}/signature": list(Signature),
    f"{_MODIFIERS}/malform": list(BodyFault),
    f"{_MODIFIERS}/reorder/properties/order": list(DeliveryOrder),
}
"""The words of the language that come from code, by the place of their `enum` below `$defs`."""

_WRITTEN: Final = {
    "step": {"patch": "{status: pending}", "delay": "300ms", "times": "2"},
    "modifiers": {"patch": "{data: {note: new}}", "delay": "10s", "timestamp": "-10m"},
    "action": {"refund": "{amount: 500}"},
}
"""How to write values whose schema has no example, by the part of the language, then the key."""


def texts(known: Mapping[str, str]) -> dict[str, str]:
    """Make the texts of the schemas, by path below the root, from the texts that they have."""
    schema: Json = json.loads(known[FILE])
    definitions = schema["$defs"]
    _write_outcomes(definitions)
    _write_actions(definitions)
    definitions["when"]["properties"] = {
        field.name: {"description": field.about, "$ref": f"#/$defs/{field.matcher}"}
        for field in FIELDS
    }
    endpoint = _part(definitions, "given/properties/webhook_endpoints/items/properties")
    taken = schema_files()[ENDPOINTS]["properties"]
    endpoint.update((key, _without_provenance(taken[key])) for key in ("signature", "headers"))
    for place, words in ENUMERATIONS.items():
        _part(definitions, place)["enum"] = [str(word) for word in words]
    for place, written in _WRITTEN.items():
        _write_valued(definitions, place, written)
    used = _definitions_in_use(schema)
    schema["$defs"] = {name: definitions[name] for name in sorted(used)}
    made = {FILE: schema, STEP: _step(json.loads(known[STEP]), definitions)}
    return {
        path: json.dumps(each, indent=2, ensure_ascii=False) + "\n" for path, each in made.items()
    }


def _step(step: Json, definitions: Json) -> Json:
    """Document the keys of a step in the control API, which leaves their checks to the lint."""
    parts = definitions["step_mapping"]["properties"]
    texts = {
        key: (part if "description" in part else definitions[key])["description"]
        for key, part in parts.items()
    }
    return step | {
        "properties": {
            key: {"description": text, "x-provenance": "decided"} for key, text in texts.items()
        }
    }


def _write_outcomes(definitions: Json) -> None:
    mapping = definitions["step_mapping"]
    definitions.update((outcome.name, outcome.SCHEMA) for outcome in OUTCOMES)
    properties: Json = {each.name: {"$ref": f"#/$defs/{each.name}"} for each in OUTCOMES}
    for outcome in OUTCOMES:
        properties.update(outcome.SIBLING_KEYS)
    kept = {key: mapping["properties"][key] for key in _BESIDE_OUTCOMES}
    mapping["properties"] = properties | kept


def _write_actions(definitions: Json) -> None:
    mapping, names = definitions["action_mapping"], [action.name for action in ACTIONS]
    shared = {outcome.name for outcome in OUTCOMES}
    mapping["properties"] = {
        action.name: {"$ref": f"#/$defs/{action.name}"} if action.name in shared else action.SCHEMA
        for action in ACTIONS
    }
    mapping["x-hint"] = f"an action is one of {', '.join(names[:-1])} and {names[-1]}"
    words = [action.name for action in ACTIONS if action.SCHEMA["type"] == "boolean"]
    definitions["action"]["then"]["enum"] = words


def _write_valued(definitions: Json, place: str, written: Mapping[str, str]) -> None:
    """Add to each word that needs a value how to write it, such as `{drop: {commit: true}}`."""
    word = definitions[place]["then"]
    mapping = definitions[definitions[place]["else"]["$ref"].rpartition("/")[2]]
    alone = word.get("enum", [word.get("const")])
    word["x-valued"] = {
        key: f"{{{key}: {written.get(key) or _form(definitions, part)}}}"
        for key, part in mapping["properties"].items()
        if key not in alone and part.get("type") != "boolean"
    }


def _form(definitions: Json, part: Json) -> str:
    """An example of a value: from its schema's words, or the first value of its enumeration."""
    part = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return str(part["enum"][0] if "enum" in part else part["x-expected"].partition(" such as ")[2])


def _without_provenance(part: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(part, dict):
        kept = (key for key in part if key != "x-provenance")
        return {key: _without_provenance(part[key]) for key in kept}
    return [_without_provenance(each) for each in part] if isinstance(part, list) else part


def _part(definitions: Json, place: str) -> Json:
    part = definitions
    for key in place.split("/"):
        part = part[key]
    return part


def _definitions_in_use(schema: Json) -> set[str]:
    """The names of the definitions that are referred to, directly or not, outside `$defs`."""
    found: set[str] = set()
    left: list[object] = [value for key, value in schema.items() if key != "$defs"]
    while left:
        match left.pop():
            case {"$ref": str(reference), **rest}:
                name = reference.rpartition("/")[2]
                left += rest.values()
                left += [] if name in found else [schema["$defs"][name]]
                found.add(name)
            case dict(mapping):
                left += mapping.values()
            case list(items):
                left += items
    return found
