"""Owns what both OpenAPI documents are made of: components, parameters, bodies, errors."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from payments_sandbox.contract.error_codes import Code, code_of
from payments_sandbox.contract.schema_files import IDENTITY, Schema, component, target

JSON: Final = "application/json"
VERSION: Final = "3.1.0"
KEY: Final = "bearerAuth"

DESCRIPTIONS: Final = {
    200: "Success",
    201: "Created successfully",
    204: "Done; there is no body",
    400: "Bad request (invalid parameters)",
    401: "Unauthorized (invalid API key)",
    403: "Forbidden (a page of another site)",
    404: "Not found",
    409: "Conflict (it is too late for that)",
    413: "The request body is too large",
    421: "Misdirected (the Host header names another server)",
    429: "Rate limit exceeded",
    500: "Internal server error",
    503: "Not ready",
}


class DocumentParts:
    """Writes the parts of one document and remembers which schemas they refer to.

    Args:
        schemas: the schemas as their files have them, by name.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._used: set[str] = set()

    def reference(self, name: str) -> Schema:
        """A reference to the component made of the named schema."""
        self._used.add(name)
        return {"$ref": f"#/components/schemas/{component(self._schemas[name])}"}

    def components(self) -> dict[str, Schema]:
        """Every schema that is referred to, directly or not, as a component."""
        made: dict[str, Schema] = {}
        while waiting := sorted(self._used - made.keys()):
            for name in waiting:
                made[name] = self._component(name)
        named = sorted(made.items(), key=lambda item: component(item[1]))
        return {component(schema): schema for _, schema in named}

    def body(self, name: str) -> dict[str, object]:
        """The content of a JSON body, with the examples of its schema."""
        examples = self._schemas[name]["examples"]
        named = {f"example_{n}": {"value": value} for n, value in enumerate(examples, start=1)}
        return {JSON: {"schema": self.reference(name), "examples": named}}

    def query_parameters(self, name: str) -> Iterator[dict[str, object]]:
        """Each property of the named schema of a query, as a parameter."""
        for key, property_ in self._schemas[name]["properties"].items():
            yield self._parameter(key, property_, name) | {"in": "query", "required": False}

    def path_parameters(
        self, path: str, schema_of: Mapping[str, str], provenance: str
    ) -> Iterator[dict[str, object]]:
        """Each variable of a path; `schema_of` names the schema of each."""
        for name in variables(path):
            yield {
                "name": name,
                "description": self._schemas[schema_of[name]]["description"],
                "x-provenance": provenance,
                "schema": self.reference(schema_of[name]),
                "in": "path",
                "required": True,
            }

    def header(self, name: str, field: str) -> dict[str, object]:
        """A required header of a response: one property of the named schema."""
        parameter = self._parameter(field, self._schemas[name]["properties"][field], name)
        return {key: value for key, value in parameter.items() if key != "name"} | {
            "required": True
        }

    def error(
        self, codes: Mapping[str, Code], envelope: str = "responses/error"
    ) -> dict[str, object]:
        """The content of an error, with an example for each code."""
        examples = {name: _example(name, code) for name, code in codes.items()}
        return {JSON: {"schema": self.reference(envelope), "examples": examples}}

    def _parameter(self, key: str, property_: Schema, name: str) -> dict[str, object]:
        about = {"description", "x-provenance", "x-expected"}
        schema = {word: value for word, value in property_.items() if word not in about}
        described = self._schemas[target(schema["$ref"], name)] if "$ref" in schema else {}
        return {
            "name": key,
            "description": property_.get("description") or described["description"],
            "x-provenance": property_["x-provenance"],
            "schema": self._rewritten(schema, name),
        }

    def _component(self, name: str) -> Schema:
        schema = self._schemas[name]
        return {
            key: value if key == "examples" else self._rewritten(value, name)
            for key, value in schema.items()
            if key not in IDENTITY
        }

    def _rewritten(self, part: Any, name: str) -> Any:  # noqa: ANN401 - JSON
        """A part of the named file, its relative references made to point at components."""
        if isinstance(part, list):
            return [self._rewritten(item, name) for item in part]
        if not isinstance(part, dict):
            return part
        return {
            key: self.reference(target(value, name))["$ref"]
            if key == "$ref"
            else self._rewritten(value, name)
            for key, value in part.items()
        }


def variables(path: str) -> list[str]:
    """The names of a path's variables, in order."""
    return [piece[1:-1] for piece in path.split("/") if piece.startswith("{")]


def by_status(codes: Mapping[str, Code]) -> dict[int, dict[str, Code]]:
    """The codes of each status, the statuses in order."""
    statuses = sorted({code.status for code in codes.values()})
    return {
        status: {name: code for name, code in codes.items() if code.status == status}
        for status in statuses
    }


def pick(names: Iterable[str]) -> dict[str, Code]:
    """Those codes of either table, by name."""
    return {name: code_of(name) for name in names}


def _example(name: str, code: Code) -> dict[str, object]:
    return {
        "summary": code.message,
        "x-provenance": code.provenance,
        "value": {"error": {"code": name, "message": code.message}},
    }
