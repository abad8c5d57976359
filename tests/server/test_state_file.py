"""Tests the state file of a running server: saved regularly, and failures are no crash."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from payments_sandbox.cli import state_file
from payments_sandbox.cli.state_file import StateFile
from payments_sandbox.core.output_files import replaced
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.world.state_file import NoStateError, read_lines
from tests.support.http import Api, ask, paid, until
from tests.support.values import LONGEST_WAIT


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save after every millisecond."""
    monkeypatch.setattr(state_file, "SAVE_EVERY", 0.001)


def names_in(folder: Path) -> list[str]:
    """Return the names of a folder's files."""
    return [path.name for path in folder.iterdir()]


@pytest.mark.usefixtures("often")
async def test_the_state_is_saved_regularly_while_the_server_runs(
    api: Api, sandbox: AssembledServer, tmp_path: Path
) -> None:
    """A crash loses only what came since the last save."""
    path = tmp_path / "state"
    await paid(api)
    async with StateFile(path, sandbox).saving(), asyncio.timeout(5):
        await until(api, path.exists)
    (home,) = read_lines(path.read_bytes().splitlines())
    kept = await ask(api, "GET", "/_sandbox/world/snapshot")
    assert home.snapshot == {name: kept[name] for name in kept if name != "digest"}


@pytest.mark.usefixtures("often")
async def test_a_failed_save_is_logged_and_leaves_no_partial_file(
    api: Api, sandbox: AssembledServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server continues."""
    path = tmp_path / "folder" / "state"
    async with StateFile(path, sandbox).saving():
        await until(api, lambda: bool(caplog.records))
    expected = f"cannot save the state in {path}: No such file or directory"
    assert caplog.records[0].getMessage() == expected
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("often")
async def test_the_final_save_waits_for_a_save_that_is_under_way(
    api: Api, sandbox: AssembledServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk blocks nobody, and no two saves write one file at once."""
    path, is_slow, goes_on = tmp_path / "state", threading.Event(), threading.Event()

    @contextmanager
    def slow(file: Path, *, is_private: bool) -> Iterator[BinaryIO]:
        with replaced(file, is_private=is_private) as opened:
            is_slow.set()
            assert goes_on.wait(LONGEST_WAIT)
            yield opened

    monkeypatch.setattr(state_file, "replaced", slow)
    state = StateFile(path, sandbox)
    async with state.saving():
        await until(api, is_slow.is_set)
        await paid(api)
    last = asyncio.create_task(asyncio.to_thread(state.save))
    await ask(api, "GET", "/_sandbox/live")
    assert not path.exists()
    goes_on.set()
    await last

    (home,) = read_lines(path.read_bytes().splitlines())
    assert len(home.snapshot["ledger"]["payments"]) == 1


def test_an_unreadable_state_file_raises_an_error_with_the_reason(
    sandbox: AssembledServer, tmp_path: Path
) -> None:
    """Here it is a folder."""
    with pytest.raises(NoStateError, match="Is a directory"):
        asyncio.run(StateFile(tmp_path, sandbox).load())
