"""A server that runs in this process: what goes wrong in it is told as it is."""

import sys
from importlib.util import find_spec

import pytest

from payments_sandbox.cli.processes import server_process
from tests.support.process import WITHOUT_UVLOOP, serve_process
from tests.support.sockets import connected, raw_request


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


@pytest.mark.skipif(find_spec("uvloop") is None, reason="there is no uvloop for this system")
@pytest.mark.parametrize(
    ("path", "options"),
    [(WITHOUT_UVLOOP, ()), ("", ()), ("", ("--workers", "2"))],
    ids=["asyncio", "uvloop", "workers"],
)
def test_a_server_runs_on_uvloop_where_there_is_one(options: tuple[str, ...], path: str) -> None:
    """And on asyncio elsewhere, as in all other tests, with the same answers on one connection."""
    seen = {"PYTHONPATH": path, "PYTHONPROFILEIMPORTTIME": "1"}
    with serve_process(*options, extra=seen) as server:
        with connected(server.address) as wire:
            for key in ("sk_test_a", "sk_test_b", "sk_test_c", "sk_test_a"):
                wire.send(raw_request("GET", "/v3/payments", {"Authorization": f"Bearer {key}"}))
                assert wire.reply().status == 200
        assert server.stop()[0] == 0
        names = {line.rpartition("|")[2].strip() for line in server.rest()[1].splitlines()}
    assert ("uvloop.loop" in names) == (path == "")
