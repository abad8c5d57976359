"""docs/how-to/write-a-fault.md teaches what works: its example is written down and run."""

import asyncio
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules import wire_faults
from payments_sandbox.server.delayed_replies import DelayedReplies
from payments_sandbox.server.faults.exchange import Exchange, Message
from payments_sandbox.world.journal import Entry
from tests.project.blocks import below, read_blocks
from tests.project.tree import ROOT
from tests.support.clients import Api
from tests.support.in_process import new_world
from tests.support.spoken import answered
from tests.support.wire import request

PAGE: Final = ROOT / "docs" / "how-to" / "write-a-fault.md"
NAMED: Final = re.compile(r"`((?:sandbox|tests|docs)/[\w/.-]+)`")


def written(folder: Path, name: str, source: str) -> ModuleType:
    """A module of this source."""
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_example_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aiohttp_client: AiohttpClient
) -> None:
    """The head comes, the body does not, and the connection ends when time is up."""
    [value], [effect] = (
        below(title, read_blocks(PAGE)) for title in ("1. The value", "2. The effect")
    )
    values = written(tmp_path, "value", f"from dataclasses import dataclass\n\n\n{value.code}")
    monkeypatch.setattr(wire_faults, "Stall", values.Stall, raising=False)
    stall = written(tmp_path, "stall", effect.code).stall

    async def handler(asked: web.BaseRequest) -> web.StreamResponse:
        entry = Entry(Instant(0), "list_payments", "GET", "/", ())
        real = Message(200, {"X-Real": "1"}, b"{}")
        exchange = Exchange(asked, real, entry, new_world(), DelayedReplies(), 60)
        response: web.StreamResponse = await stall(values.Stall(commit=True, lasts=40), exchange)
        return response

    api: Api = await aiohttp_client(RawTestServer(handler))
    started = asyncio.get_running_loop().time()
    came, is_reset = await answered(api, request("GET", "/"))

    assert asyncio.get_running_loop().time() - started >= 0.04
    assert came.startswith(b"HTTP/1.1 200 OK\r\nX-Real: 1\r\nContent-Length: 2\r\nDate: ")
    assert (came.partition(b"\r\n\r\n")[2], is_reset) == (b"", False)


def test_the_page_names_what_there_is() -> None:
    """Every file and folder that it sends a reader to."""
    names = NAMED.findall(PAGE.read_text(encoding="utf-8"))

    assert len(names) > 5
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_page_is_one_page() -> None:
    """Short enough to be read before writing the fault."""
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 100
