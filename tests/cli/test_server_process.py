"""A server that runs in this process: its event loop, and errors in it."""

import sys
from importlib.util import find_spec

import pytest

from payments_sandbox.cli.processes import server_process
from tests.support.process import WITHOUT_UVLOOP, serve_process
from tests.support.sockets import connected, raw_request


async def fail() -> int:
    """Raise an error that a server never raises."""
    raise RuntimeError("a defect")


def test_a_traceback_does_not_mention_the_missing_uvloop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The import error is not the context of the server's error."""
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
def test_a_server_uses_uvloop_if_installed_and_asyncio_otherwise(
    options: tuple[str, ...], path: str
) -> None:
    """Both give the same answers on one connection; all other tests use asyncio."""
    seen = {"PYTHONPATH": path, "PYTHONPROFILEIMPORTTIME": "1"}
    with serve_process(*options, extra=seen) as server:
        with connected(server.address) as wire:
            for key in ("sk_test_a", "sk_test_b", "sk_test_c", "sk_test_a"):
                wire.send(raw_request("GET", "/v3/payments", {"Authorization": f"Bearer {key}"}))
                assert wire.reply().status == 200
        assert server.stop()[0] == 0
        names = {line.rpartition("|")[2].strip() for line in server.rest()[1].splitlines()}
    assert ("uvloop.loop" in names) == (path == "")
