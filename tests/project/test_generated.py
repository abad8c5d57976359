"""What is made from the routes and the schemas is as it would be made now."""

from collections.abc import Mapping

import pytest

from tests.project.tree import ROOT
from tools.generate import generated, schemas


@pytest.fixture(scope="module")
def texts() -> Mapping[str, str]:
    """What would be made, by the file that it is in: to make it takes longer than all imports."""
    return generated()


def test_a_generated_file_is_what_make_generate_would_write(texts: Mapping[str, str]) -> None:
    """Where it is not: `make generate`, and commit what it changes."""
    written = {path: (ROOT / path).read_text(encoding="utf-8") for path in texts}
    assert [path for path in texts if written[path] != texts[path]] == []


def test_every_schema_is_written_before_what_is_made_of_it(texts: Mapping[str, str]) -> None:
    """So one `make generate` is enough: clients and pages read the schemas from their files."""
    assert {path for path in texts if path.startswith("schemas/")} == set(schemas())
