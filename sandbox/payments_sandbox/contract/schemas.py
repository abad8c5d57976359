"""Owns the validation of values against the schemas: a fast yes or no, and the reasons on demand.

One validator checks every request and reply, in microseconds, and explains errors. A test compares
it with `jsonschema`, the reference implementation.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

from payments_sandbox.contract.schema_errors import CompiledSchema, SchemaError, render
from payments_sandbox.contract.schema_files import (
    Schema,
    inline,
    schema_files,
    without_undocumented,
)
from payments_sandbox.core.errors import InvalidRequest

INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})")
LENIENT: Final = ("requests/", "queries/")
"""The schemas that `lenient` applies to: those of the emulated API, not of the control API."""


class Contract:
    """The schemas with their validators, which are built at the first use and kept.

    Args:
        schemas: the schemas by name, as in their files.
        lenient: whether undocumented fields and parameters of requests are ignored.
    """

    def __init__(self, schemas: Mapping[str, Schema], *, lenient: bool = False) -> None:
        self.schemas: Final = schemas
        self.lenient: Final = lenient
        self._inlined: dict[str, Schema] = {}
        self._known_defaults: dict[str, dict[str, object]] = {}
        self._compiled: dict[str, CompiledSchema] = {}

    def schema(self, name: str) -> Schema:
        """The schema without references.

        Raises:
            KeyError: there is no schema of this name.
        """
        if name not in self._inlined:
            self._inlined[name] = inline(name, self.schemas)
        return self._inlined[name]

    def accepts(self, name: str, value: object) -> bool:
        """Whether the value follows the schema; `lenient` is not applied."""
        try:
            return (self._compiled.get(name) or self._compile(name)).is_valid(value)
        except ValueError:  # half a surrogate pair, or a type that is not JSON
            return False

    def problems(self, name: str, value: object) -> list[SchemaError]:
        """At most 20 errors, in the order of the documentation; none for a valid value."""
        validator = self._compiled.get(name) or self._compile(name)
        return validator.body_errors(value, noun=_noun(name))

    def explain(self, name: str, value: object) -> str:
        """The `details` of an error; `UNEXPLAINED` if no reason is found, which is our bug."""
        return render(self.problems(name, value))

    def check(self, name: str, value: object) -> Any:  # noqa: ANN401 - the type that the schema describes
        """Return a body that follows the schema, without undocumented fields if lenient.

        Args:
            name: the name of a schema of objects.
            value: the body, from the strict reader.

        Raises:
            InvalidRequest: it does not; the details name each field and what would have worked.
        """
        is_cut = self.lenient and _is_emulated(name)
        kept = without_undocumented(self.schema(name), value) if is_cut else value
        if not self.accepts(name, kept):
            raise InvalidRequest(self.explain(name, kept))
        return kept

    def read_query(self, name: str, pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
        """Return the parameters of a query, in the types of its schema, with documented defaults.

        Args:
            name: the name of a query's schema.
            pairs: the decoded parameters, in the order sent.

        Raises:
            InvalidRequest: a parameter is undocumented, given twice, or not as documented.
        """
        schema = self.schema(name)
        if not pairs and "required" not in schema:
            # The first validator takes 3 MB of memory, and health checks need none.
            return dict(self._defaults(name))
        properties = schema["properties"]
        if self.lenient and _is_emulated(name):
            pairs = [pair for pair in pairs if pair[0] in properties]
        values = {key: _typed(properties.get(key, {}), text) for key, text in reversed(pairs)}
        twice = _given_twice(pairs) if len(values) < len(pairs) else []
        if twice or not self.accepts(name, values):
            raise InvalidRequest(render([*twice, *self.problems(name, values)]))
        return self._defaults(name) | values

    def _defaults(self, name: str) -> dict[str, object]:
        if name not in self._known_defaults:
            properties = self.schema(name)["properties"].items()
            defaults = {key: each["default"] for key, each in properties if "default" in each}
            self._known_defaults[name] = defaults
        return self._known_defaults[name]

    def _compile(self, name: str) -> CompiledSchema:
        self._compiled[name] = CompiledSchema(self.schema(name))
        return self._compiled[name]


def read_pairs(query: str) -> list[tuple[str, str]]:
    """Decode the parameters of a query string, in the order sent, including empty ones."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return [(name, value) for name, _, value in pairs]


def load_contract(*, lenient: bool = False) -> Contract:
    """Return the contract that this version of the package ships, always the same object.

    Raises:
        FileNotFoundError: the schemas are neither in the package nor next to it.
    """
    return _shipped(lenient=lenient)


@cache
def _shipped(*, lenient: bool) -> Contract:
    return Contract(schema_files(), lenient=lenient)


def _is_emulated(name: str) -> bool:
    return name.startswith(LENIENT)


def _noun(name: str) -> str:
    return "parameter" if "queries/" in name else "field"


def _typed(schema: Schema, text: str) -> object:
    """Convert the text of an integer; any other text stays, for the schema to reject."""
    if schema.get("type") == "integer" and INTEGER.fullmatch(text):
        return int(text)
    return text


def _given_twice(pairs: Sequence[tuple[str, str]]) -> list[SchemaError]:
    counts = Counter(key for key, _ in pairs)
    repeated = (key for key, count in counts.items() if count > 1)
    return [SchemaError((key,), "is given twice.") for key in repeated]
