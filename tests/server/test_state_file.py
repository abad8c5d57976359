"""The state file of a running server: saved now and then, and a disk that is full is no crash."""

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
    """What a folder has."""
    return [path.name for path in folder.iterdir()]


@pytest.mark.usefixtures("often")
async def test_the_state_is_saved_while_the_server_runs(
    api: Api, sandbox: AssembledServer, tmp_path: Path
) -> None:
    """A crash loses no more than what came since the last time."""
    path = tmp_path / "state"
    await paid(api)
    async with StateFile(path, sandbox).saving(), asyncio.timeout(5):
        await until(api, path.exists)
    (home,) = read_lines(path.read_bytes().splitlines())
    kept = await ask(api, "GET", "/_sandbox/world/snapshot")
    assert home.snapshot == {name: kept[name] for name in kept if name != "digest"}


@pytest.mark.usefixtures("often")
async def test_what_cannot_be_saved_is_logged(
    api: Api, sandbox: AssembledServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server goes on, says so, and leaves nothing half written."""
    path = tmp_path / "folder" / "state"
    async with StateFile(path, sandbox).saving():
        await until(api, lambda: bool(caplog.records))
    expected = f"cannot save the state in {path}: No such file or directory"
    assert caplog.records[0].getMessage() == expected
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("often")
async def test_the_last_save_comes_after_the_one_that_is_under_way(
    api: Api, sandbox: AssembledServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes its time holds nobody up, and never two write one file at once."""
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


def test_a_state_that_cannot_be_read_is_told(sandbox: AssembledServer, tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(NoStateError, match="Is a directory"):
        asyncio.run(StateFile(tmp_path, sandbox).load())
