"""What is made of the schemas and of the asynchronous client is as it would be made now."""

import pytest

from tests.project.tree import ROOT
from tools.client import generated
from tools.unasync import without_waiting

TEXTS = generated()


@pytest.mark.parametrize("path", TEXTS)
def test_a_generated_module_is_up_to_date(path: str) -> None:
    """`make client` would change nothing."""
    assert (ROOT / path).read_text(encoding="utf-8") == TEXTS[path]


def test_a_blocking_twin_has_no_waiting_word() -> None:
    """What waits in one module blocks in the other, by the same names."""
    waiting = "async with AsyncLine() as line:\n    async for each in line:\n        await each\n"
    assert without_waiting(waiting) == "with Line() as line:\n    for each in line:\n        each\n"
