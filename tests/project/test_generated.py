"""What is made from the routes and the schemas is as it would be made now."""

import pytest

from tests.project.tree import ROOT
from tools.generate import generated, schemas

TEXTS = generated()


@pytest.mark.parametrize("path", TEXTS)
def test_a_generated_file_is_what_make_generate_would_write(path: str) -> None:
    """Where it is not: `make generate`, and commit what it changes."""
    assert (ROOT / path).read_text(encoding="utf-8") == TEXTS[path]


def test_every_schema_is_written_before_what_is_made_of_it() -> None:
    """So one `make generate` is enough: clients and pages read the schemas from their files."""
    assert {path for path in TEXTS if path.startswith("schemas/")} == set(schemas())
