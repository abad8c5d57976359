"""Owns the fault `respond_raw`: any status, headers and body, documented or not."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from payments_sandbox.rules.faults.fault import Example, Fault, JournalRecord
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.reply import BODILESS, PlanStep, RealReply, send_last
from payments_sandbox.rules.schema_parts import OPTIONAL_COMMIT, Json, flag, mapping, whole

LOWEST_STATUS: Final = 200
"""Lower statuses are interim replies, after which a client keeps waiting."""

HIGHEST_STATUS: Final = 599

_HEADER_VALUE: Final = r"[^\x00-\x08\x0a-\x1f\x7f]*"


@dataclass(frozen=True, slots=True)
class RespondRaw(Fault):
    """Any status, headers and body, documented or not.

    Headers that are not given are those of the real reply, and Content-Length fits the body.
    """

    name: ClassVar = "respond_raw"
    reply_arrives: ClassVar = False
    needs_commit: ClassVar = False
    SCHEMA: ClassVar[Json] = mapping(
        "Any reply, documented or not.",
        "{status: 502, body: oops, off_contract: true}",
        {
            "status": whole(
                "The HTTP status.",
                LOWEST_STATUS,
                HIGHEST_STATUS,
                "status is the HTTP status of the reply, 200 to 599",
            ),
            "headers": {
                "description": "Its headers, which add to or replace those of the real reply.",
                "type": "object",
                "maxProperties": 50,
                "x-expected": "a mapping of headers to text",
                "propertyNames": {
                    "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$",
                    "x-expected": "a header's name",
                },
                "additionalProperties": {
                    "description": "One header.",
                    "type": "string",
                    "maxLength": 2000,
                    "pattern": f"^{_HEADER_VALUE}$",
                    "x-expected": "text in one line, without control characters",
                },
            },
            "body": {
                "description": "Its body: text as it is, or a mapping or a list as JSON.",
                "type": ["string", "object", "array"],
                "minLength": 0,
                "maxLength": 100_000,
                "maxProperties": 1000,
                "maxItems": 1000,
                "additionalProperties": True,
                "x-expected": "text, or a mapping or a list to be sent as JSON",
            },
            "off_contract": flag(
                "Declares that the reply leaves the documented contract.",
                "off_contract: true declares that the reply leaves the documented contract",
            ),
            "commit": OPTIONAL_COMMIT,
        },
        ["status", "off_contract"],
        **{
            "if": {"properties": {"status": {"enum": sorted(BODILESS)}}},
            "then": {
                "properties": {
                    "body": {
                        "type": "string",
                        "maxLength": 0,
                        "x-expected": "no body, as a 204 or a 304 has none",
                    }
                }
            },
        },
    )
    EXAMPLES: ClassVar = (
        Example(
            {"status": 503, "body": "busy", "off_contract": True},
            requests="status 503",
            httpx="status 503",
            aiohttp="status 503",
            urllib="HTTPError",
        ),
    )
    EXPLORED: ClassVar = None  # it can be anything
    ROW: ClassVar = (
        "any `status`, `headers` and `body`; `off_contract: true` marks it as undocumented"
    )
    SECTION: ClassVar = """
`respond_raw: {status: 503, headers: {Retry-After: "7"}, body: busy, off_contract: true}`. `commit`
is false by default. Headers that are not given are those of the real reply, and Content-Length
matches the body. A `body` that is a mapping or a list is sent as JSON. The status is from 200 to
599; 204 and 304 have no body. A header with a line break or another control character is a problem
of the scenario.
"""

    status: int
    headers: Mapping[str, str]
    body: str
    commit: bool = False

    @classmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read `{status, headers, body, commit}`; a mapping or list as body is written as JSON."""
        given = plain.get("body", "")
        body = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        return cls(plain["status"], plain.get("headers", {}), body, plain.get("commit", False))

    def fields(self) -> dict[str, object]:
        """Write `{status, body, off_contract, headers}`."""
        written = {"status": self.status, "body": self.body, "off_contract": True}
        return written | ({"headers": dict(self.headers)} if self.headers else {})

    @classmethod
    def from_journal(cls, record: JournalRecord) -> Fault:
        """Make one from the status and body that were sent, or a `hang` if nothing was."""
        if record.status is None:
            return Hang(record.commit)
        return cls(record.status, {}, record.body.decode(), record.commit)

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Send the reply, with those headers of the real one that it does not replace."""
        named = {name.lower() for name in self.headers}
        kept = {name: value for name, value in reply.headers.items() if name.lower() not in named}
        reply = reply._replace(
            status=self.status, headers={**kept, **self.headers}, body=self.body.encode()
        )
        yield from send_last(reply)
