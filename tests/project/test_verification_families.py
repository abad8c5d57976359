"""What is made of the kinds of expectations and findings is as it would be made now."""

import pytest

from tests.project.tree import ROOT
from tools.verification_families import generated

TEXTS = generated(ROOT)


@pytest.mark.parametrize("path", TEXTS)
def test_a_file_that_lists_the_kinds_is_up_to_date(path: str) -> None:
    """`make docs` would change nothing; run it where this fails."""
    assert (ROOT / path).read_text(encoding="utf-8") == TEXTS[path]
