"""Owns a real reply for the tests of plans, what a plan comes to, and the parts of a fault."""

from typing import Final

from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.reply import RealReply, Send

BODY: Final = b'{"id":"pay_1","status":"completed"}'
REAL: Final = RealReply(
    201, {"Content-Type": "application/json", "X-Real": "1"}, BODY, date="now", max_wait=60_000
)
HEAD: Final = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-Real: 1\r\n"
    b"Content-Length: 35\r\nDate: now\r\n\r\n"
)
"""The head of the real reply."""


PARTS: Final = (
    "name", "reply_arrives", "needs_commit", "SCHEMA", "EXAMPLES", "ROW", "SECTION", "parse",
    "fields", "from_journal", "plan",
)  # fmt: skip
"""What each fault defines in its class."""


def sent(fault: Fault, reply: RealReply = REAL) -> bytes:
    """All bytes that a plan sends."""
    return b"".join(each.data for each in fault.plan(reply) if isinstance(each, Send))


def body_sent(fault: Fault, reply: RealReply = REAL) -> bytes:
    """What follows the head."""
    return sent(fault, reply).partition(b"\r\n\r\n")[2]


def lines_sent(fault: Fault, reply: RealReply = REAL) -> list[str]:
    """The lines of the head."""
    return sent(fault, reply).partition(b"\r\n\r\n")[0].decode().split("\r\n")
