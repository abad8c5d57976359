"""What is made from the routes and the schemas is as it would be made now."""

import pytest

from tests.project.tree import ROOT
from tools.generate import generated

TEXTS = generated()


@pytest.mark.parametrize("path", TEXTS)
def test_a_generated_file_is_what_make_generate_would_write(path: str) -> None:
    """Where it is not: `make generate`, and commit what it changes."""
    assert (ROOT / path).read_text(encoding="utf-8") == TEXTS[path]
