"""Owns the building blocks of both OpenAPI documents: components, parameters, bodies, errors."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from payments_sandbox.contract.error_codes import CODES, CONTROL_CODES, Code, code_of
from payments_sandbox.contract.published_schemas import published, references
from payments_sandbox.contract.schema_files import Schema, component, target

JSON: Final = "application/json"
VERSION: Final = "3.1.0"
KEY: Final = "bearerAuth"

DESCRIPTIONS: Final = {
    200: "Success",
    201: "Created successfully",
    204: "Done (no body)",
    400: "Bad request (invalid parameters)",
    401: "Unauthorized (invalid API key)",
    403: "Forbidden (a page of another site)",
    404: "Not found",
    409: "Conflict (it is too late)",
    413: "The request body is too large",
    421: "Misdirected (the Host header names another server)",
    429: "Rate limit exceeded",
    500: "Internal server error",
    503: "Not ready",
}

UNAUTHORIZED: Final = 401
CHALLENGE: Final = {
    "WWW-Authenticate": {
        "description": "Which credentials are expected; HTTP requires it in every 401.",
        "x-provenance": "decided",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    }
}


class DocumentParts:
    """Makes the parts of one document, and remembers which schemas they refer to.

    Args:
        schemas: the schemas by name, as in their files.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._used: set[str] = set()
        self._sent: set[str] = set()
        self._codes: set[str] = set()

    def reference(self, name: str) -> Schema:
        """Make a reference to the component of a schema."""
        self._used.add(name)
        return {"$ref": f"#/components/schemas/{component(self._schemas[name])}"}

    def components(self) -> dict[str, Schema]:
        """Make a component of every schema that is referred to, directly or not.

        Schemas of requests are closed; those of what the server sends are open.
        """
        used, sent = self._reached(self._used), self._reached(self._sent)
        made = [self._component(name, is_closed=name not in sent) for name in used]
        return {component(schema): schema for schema in sorted(made, key=component)}

    def body(self, name: str) -> dict[str, object]:
        """Make the content of a JSON body that the server receives, with its schema's examples."""
        examples = self._schemas[name]["examples"]
        named = {f"example_{n}": {"value": value} for n, value in enumerate(examples, start=1)}
        return {JSON: {"schema": self.reference(name), "examples": named}}

    def sent_body(self, name: str) -> dict[str, object]:
        """Make the content of a JSON body that the server sends."""
        self._sent.add(name)
        return self.body(name)

    def query_parameters(self, name: str, place: str = "query") -> Iterator[dict[str, object]]:
        """Make a parameter of each property of a query's schema.

        Args:
            name: the schema's name; its first example has a value for each property.
            place: `query`, or `header` for a schema of headers.
        """
        for key, property_ in self._schemas[name]["properties"].items():
            yield self._parameter(key, property_, name) | {"in": place, "required": False}

    def path_parameters(
        self, path: str, schema_of: Mapping[str, str], provenance: str
    ) -> Iterator[dict[str, object]]:
        """Make a parameter of each variable in a path; `schema_of` names the schema of each."""
        for name in variables(path):
            yield {
                "name": name,
                "description": self._schemas[schema_of[name]]["description"],
                "x-provenance": provenance,
                "schema": self.reference(schema_of[name]),
                "example": self._schemas[schema_of[name]]["examples"][0],
                "in": "path",
                "required": True,
            }

    def header(self, name: str, field: str) -> dict[str, object]:
        """Make a required response header of one property of a schema."""
        parameter = self._parameter(field, self._schemas[name]["properties"][field], name)
        return {key: value for key, value in parameter.items() if key != "name"} | {
            "required": True
        }

    def error(
        self, codes: Mapping[str, Code], envelope: str = "responses/error"
    ) -> dict[str, object]:
        """Make the content of an error, with an example for each code."""
        self._sent.add(envelope)
        self._codes.update(codes)
        examples = {name: _example(name, code) for name, code in codes.items()}
        return {JSON: {"schema": self.reference(envelope), "examples": examples}}

    def any_error(self, codes: Mapping[str, Code]) -> dict[str, object]:
        """Make the default response, for errors that any route may have."""
        return {
            "description": "Any other error, in the same envelope.",
            "x-provenance": "decided",
            "content": self.error(codes),
        }

    def _parameter(self, key: str, property_: Schema, name: str) -> dict[str, object]:
        about = {"description", "x-provenance", "x-expected"}
        schema = {word: value for word, value in property_.items() if word not in about}
        described = self._schemas[target(schema["$ref"], name)] if "$ref" in schema else {}
        return {
            "name": key,
            "description": property_.get("description") or described["description"],
            "x-provenance": property_["x-provenance"],
            "schema": self._published(schema, name, is_closed=True),
            "example": self._schemas[name]["examples"][0][key],
        }

    def _component(self, name: str, *, is_closed: bool) -> Schema:
        schema = self._published(self._schemas[name], name, is_closed=is_closed)
        if name == "objects/error_detail":
            # The list may grow, and an enumeration would forbid that.
            known = [code for code in (*CODES, *CONTROL_CODES) if code in self._codes]
            schema["properties"]["code"]["x-extensible-enum"] = known
        return schema

    def _published(self, part: Schema, name: str, *, is_closed: bool) -> Schema:
        def refer(path: str) -> Schema:
            return self.reference(target(path, name))

        written: Schema = published(part, refer, is_closed=is_closed)
        return written

    def _reached(self, names: Iterable[str]) -> set[str]:
        """The schemas with these names, and all that they refer to."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += references(self._schemas[name], name)
        return found


def variables(path: str) -> list[str]:
    """The names of the variables in a path, in order."""
    return [piece[1:-1] for piece in path.split("/") if piece.startswith("{")]


def by_status(codes: Mapping[str, Code]) -> dict[int, dict[str, Code]]:
    """Group codes by their status, in order of the statuses."""
    statuses = sorted({code.status for code in codes.values()})
    return {
        status: {name: code for name, code in codes.items() if code.status == status}
        for status in statuses
    }


def pick(names: Iterable[str]) -> dict[str, Code]:
    """Look codes up by name in both tables."""
    return {name: code_of(name) for name in names}


def _example(name: str, code: Code) -> dict[str, object]:
    return {
        "summary": code.message,
        "x-provenance": code.provenance,
        "value": {"error": {"code": name, "message": code.message}},
    }
