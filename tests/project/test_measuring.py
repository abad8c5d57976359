"""The tests that are excluded from coverage exist."""

import re

from tests.project.tree import ROOT
from tests.support.measuring import UNMEASURED
from tests.support.tables import for_each


@for_each("where", UNMEASURED)
def test_every_unmeasured_test_exists(where: str) -> None:
    """The name of a renamed test would otherwise be ignored."""
    path, _, test = where.partition("::")
    assert (ROOT / path).exists()
    if test:
        code = (ROOT / path).read_text(encoding="utf-8")
        name = re.split(r"::|\[", test)[0]
        assert re.search(rf"^(async def |def |class |){name}\b", code, re.MULTILINE)
