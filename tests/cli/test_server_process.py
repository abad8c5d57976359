"""A server that runs in this process: what goes wrong in it is told as it is."""

import sys

import pytest

from payments_sandbox.cli import server_process


async def fail() -> int:
    """What a server never does."""
    raise RuntimeError("a defect")


def test_a_traceback_tells_of_no_loop_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That uvloop is not there has nothing to do with it."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(RuntimeError, match="a defect") as failure:
        server_process.run_loop(fail())
    assert failure.value.__context__ is None
