"""Files that are generated from routes and schemas are up to date."""

from collections.abc import Mapping

import pytest

from tests.project.tree import ROOT
from tools.generate import generated, schemas


@pytest.fixture(scope="module")
def texts() -> Mapping[str, str]:
    """Return the generated text of each file; generating is slow, so it is done once."""
    return generated()


def test_generated_files_are_up_to_date(texts: Mapping[str, str]) -> None:
    """If they are not, run `make generate` and commit the changes."""
    written = {path: (ROOT / path).read_text(encoding="utf-8") for path in texts}
    assert [path for path in texts if written[path] != texts[path]] == []


def test_every_generated_schema_is_written_in_the_first_step(texts: Mapping[str, str]) -> None:
    """One `make generate` is enough, because clients and pages read the schema files."""
    assert {path for path in texts if path.startswith("schemas/")} == set(schemas())
