"""What coverage need not look at is there."""

import re

from tests.project.tree import ROOT
from tests.support.measuring import UNMEASURED
from tests.support.tables import for_each


@for_each("where", UNMEASURED)
def test_what_is_unmeasured_is_there(where: str) -> None:
    """The name of a test that is called otherwise by now would be ignored."""
    path, _, test = where.partition("::")
    assert (ROOT / path).exists()
    if test:
        code = (ROOT / path).read_text(encoding="utf-8")
        name = re.split(r"::|\[", test)[0]
        assert re.search(rf"^(async def |def |class |){name}\b", code, re.MULTILINE)
