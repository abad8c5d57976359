"""docs/fidelity.md is complete: each sentence, code and decision has a row with tests."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest

from payments_sandbox.contract.error_codes import CODES
from tests.project.blocks import HEADING
from tests.project.tree import ROOT
from tests.support.tables import for_each

PAGE: Final = ROOT / "docs" / "fidelity.md"
TEST: Final = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>\w+)`")
QUOTED: Final = "the documentation"
NO_TEST: Final = "What no test can verify"

# The sentences of the API documentation under its own headings; {…} stands for JSON.
DOCUMENTED: Final = {
    "API DOCUMENTATION - PAYMENT PROCESSING": [
        "Version: 3.2",
        "Last Updated: January 15, 2025",
        "Base URL: https://api.payments.example.com/v3",
    ],
    "AUTHENTICATION": [
        "All API requests require authentication using API keys.",
        "Include your API key in the request header:",
        "Authorization: Bearer your_api_key_here",
        "API keys can be obtained from the developer dashboard and should be kept secure.",
    ],
    "ENDPOINTS": ["1. CREATE PAYMENT, 2. RETRIEVE PAYMENT, 3. LIST PAYMENTS, 4. REFUND PAYMENT"],
    "1. CREATE PAYMENT": [
        "POST /payments",
        "Creates a new payment transaction.",
        "Request Body: {…}",
        "Response (Success - 201): {…}",
        "Response (Error - 400): {…}",
    ],
    "2. RETRIEVE PAYMENT": [
        "GET /payments/{payment_id}",
        "Retrieves details for a specific payment.",
        "payment_id (required): The unique identifier for the payment",
        "Response (Success - 200): {…}",
    ],
    "3. LIST PAYMENTS": [
        "GET /payments",
        "Retrieves a list of payments with optional filtering.",
        "limit (optional): Number of payments to return (default: 10, max: 100)",
        "starting_after (optional): Pagination cursor",
        "customer_id (optional): Filter by customer ID",
        "status (optional): Filter by payment status (pending, completed, failed)",
        "created_after (optional): Filter by creation date (ISO 8601 format)",
        "Response (Success - 200): {…}",
    ],
    "4. REFUND PAYMENT": [
        "POST /payments/{payment_id}/refunds",
        "Creates a refund for a completed payment.",
        "Request Body: {…}",
        "Response (Success - 201): {…}",
    ],
    "ERROR HANDLING": [
        "The API uses standard HTTP response codes:",
        "200: Success",
        "201: Created successfully",
        "400: Bad request (invalid parameters)",
        "401: Unauthorized (invalid API key)",
        "404: Not found",
        "429: Rate limit exceeded",
        "500: Internal server error",
        "Error Response Format: {…}",
    ],
    "RATE LIMITING": [
        "API requests are limited to 1000 requests per hour per API key.",
        "Rate limit headers are included in responses:",
        "X-RateLimit-Limit: 1000",
        "X-RateLimit-Remaining: 999",
        "X-RateLimit-Reset: 1642262400",
    ],
    "WEBHOOKS": [
        "Configure webhooks to receive real-time notifications about payment events.",
        "Supported Events:",
        "payment.completed",
        "payment.failed",
        "refund.created",
        "chargeback.created",
        "Webhook Payload Example: {…}",
        "Configure webhook endpoints in the developer dashboard.",
        "All webhook requests include a signature header for verification.",
    ],
    "For support and questions": [
        "Developer Support: developers@payments.example.com",
        "Documentation: https://docs.payments.example.com",
        "Status Page: https://status.payments.example.com",
    ],
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the heading above it, its line, and its cells by column."""

    heading: str
    line: int
    cells: dict[str, str]


def rows_of(markdown: str) -> Iterator[Row]:
    """Yield every row of every table, in order.

    Raises:
        ValueError: a row has more or fewer cells than its table's head.
    """
    heading, head = "", list[str]()
    for number, line in enumerate(markdown.splitlines(), start=1):
        if match := HEADING.match(line):
            heading = match["title"]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = split(line)
        elif not line.startswith("|---"):
            yield Row(heading, number, dict(zip(head, split(line), strict=True)))


def split(line: str) -> list[str]:
    """Return the cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


@cache
def held_in(path: str) -> frozenset[str]:
    """Return the tests of a module: its functions and its state machines."""
    if not (ROOT / path).is_file():
        return frozenset()
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(name for name in names if name.startswith(("test_", "Test")))


ROWS: Final = list(rows_of(PAGE.read_text(encoding="utf-8")))
TESTED: Final = [row for row in ROWS if "test" in row.cells]
NAMED: Final = {(match["path"], match["name"]) for row in TESTED
                for match in TEST.finditer(row.cells["test"])}  # fmt: skip


def test_every_row_names_at_least_one_test() -> None:
    """The column contains only tests, and no other cell is empty."""
    wrong = [
        row.line
        for row in ROWS
        if "" in row.cells.values()
        or ("test" in row.cells and TEST.sub("", row.cells["test"]).strip(", "))
    ]
    assert wrong == []
    assert len(TESTED) > 100


def test_every_named_test_exists() -> None:
    """A renamed or removed test must be changed on the page too."""
    assert sorted(f"{path}::{name}" for path, name in NAMED if name not in held_in(path)) == []


@for_each("heading", DOCUMENTED)
def test_every_sentence_of_the_documentation_has_a_row(heading: str) -> None:
    """It is below its own heading and in order, or among those that no test can verify."""
    quoted = [row for row in ROWS if QUOTED in row.cells]
    held = [row.cells[QUOTED] for row in quoted if row.heading == heading]
    others = [row.cells[QUOTED] for row in quoted if row.heading == NO_TEST]
    assert held == [sentence for sentence in DOCUMENTED[heading] if sentence not in others]


def test_every_quotation_is_a_sentence_of_the_documentation() -> None:
    """A quotation without a test says why."""
    known = [sentence for sentences in DOCUMENTED.values() for sentence in sentences]
    quoted = [row for row in ROWS if QUOTED in row.cells]
    assert sorted(row.cells[QUOTED] for row in quoted) == sorted(known)
    assert [row.line for row in quoted if ("why" in row.cells) != (row.heading == NO_TEST)] == []


def test_every_error_code_has_a_row_with_status_and_message() -> None:
    """The rows are in the order of the code."""
    written = [
        (row.cells["code"], row.cells["status"], row.cells["message"])
        for row in ROWS
        if "code" in row.cells
    ]
    assert written == [
        (f"`{name}`", str(code.status), code.message) for name, code in CODES.items()
    ]


@pytest.mark.parametrize("module", ["test_documentation.py", "test_decisions.py"])
def test_every_test_of_the_documentation_modules_is_named_on_the_page(module: str) -> None:
    """These modules only verify the documentation and decisions."""
    path = f"tests/server/{module}"
    assert {name for where, name in NAMED if where == path} == held_in(path)


def test_every_open_question_is_decided_in_one_row() -> None:
    questions = [(row.heading, row.cells["left open"]) for row in ROWS if "left open" in row.cells]
    assert len(questions) == len(set(questions))


def test_table_rows_are_read_with_heading_line_and_cells() -> None:
    """A row that is too short raises."""
    page = "# One\n| a | test |\n|---|---|\n| b | `x` |\n\ntext\n"
    assert list(rows_of(page)) == [Row("One", 4, {"a": "b", "test": "`x`"})]
    with pytest.raises(ValueError, match="shorter"):
        list(rows_of(page + "| a | b |\n|---|---|\n| c |\n"))
    assert TEST.sub("", "`tests/unit/test_x.py::test_y`, `tests/x.md`") == ", `tests/x.md`"
