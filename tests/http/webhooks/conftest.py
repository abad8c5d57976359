"""Fixtures of the webhook tests: a sandbox whose sender is closed, and a receiver."""

from collections.abc import AsyncIterator

import pytest

from sandbox.bootstrap import Sandbox, assemble
from sandbox.settings import Settings
from tests.fakes.clients import Api
from tests.fakes.control import Control
from tests.fakes.hooks import Hooks
from tests.fakes.receiver import Receiver, receiving


@pytest.fixture
async def sandbox(settings: Settings) -> AsyncIterator[Sandbox]:
    """A sandbox that `api` serves; what it sends ends with the test."""
    sandbox = assemble(settings)
    yield sandbox
    sandbox.parts.pacer.stop()
    await sandbox.parts.dispatcher.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 200 unless it is told otherwise."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def hooks(api: Api, control: Control, sandbox: Sandbox) -> Hooks:
    """The webhooks of the home world, as their owner sees them."""
    return Hooks(api, control, sandbox)
