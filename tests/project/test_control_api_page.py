"""docs/control-api.md names only existing routes, and its examples match the schemas."""

import json

from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.error_codes import CONTROL_CODES
from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.core.ids import webhook_secret
from tests.project.blocks import Block, read_blocks
from tests.project.tree import ROOT
from tests.support.tables import for_each

PAGE = ROOT / "docs" / "control-api.md"
TITLES = {f"{route.method} {CONTROL_PATH}{route.path}": route for route in CONTROL_ROUTES}
EXAMPLES = [block for block in read_blocks(PAGE) if block.language == "json"]


def test_every_section_heading_is_a_route() -> None:
    """The generated table lists all routes; sections are optional."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    headings = [line.removeprefix("### ") for line in lines if line.startswith("### ")]
    assert [each for each in headings if each not in TITLES] == []
    assert len(set(headings)) == len(headings)


def test_the_table_of_error_codes_matches_the_code() -> None:
    """It has every code of the control API with its status."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [f"| `{name}` | {code.status} |" for name, code in CONTROL_CODES.items()]
    assert [row for row in rows if row not in page] == []


@for_each("block", EXAMPLES, show=lambda block: f"line {block.line}")
def test_every_json_example_is_valid_against_its_schema(block: Block) -> None:
    """Both requests and responses are validated."""
    route = TITLES[block.heading]
    line = PAGE.read_text(encoding="utf-8").splitlines()[block.line - 1]
    schema = route.request if line.endswith(" request") else route.response_schema
    assert schema is not None
    assert load_contract().problems(schema, json.loads(block.code)) == []


def test_the_example_of_a_new_world_has_the_secret_of_its_seed() -> None:
    """Only the world of `sk_test_sandbox` has the well-known one."""
    (made,) = [
        json.loads(block.code)
        for block in EXAMPLES
        if block.heading == "POST /_sandbox/worlds" and "webhook_secret" in block.code
    ]
    assert made["webhook_secret"] == webhook_secret(made["seed"])
