"""Fixtures of the webhook tests: a sandbox whose sender is closed, and a receiver."""

from collections.abc import AsyncIterator

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import Api, Control, WebhookApi
from tests.support.receiver import Receiver, receiving


@pytest.fixture
async def sandbox(settings: Settings) -> AsyncIterator[AssembledServer]:
    """A sandbox that `api` serves; what it sends ends with the test."""
    sandbox = assemble(settings)
    yield sandbox
    sandbox.runtime.timers.cancel_all()
    await sandbox.runtime.dispatcher.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 200 by default."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def webhooks(api: Api, control: Control, sandbox: AssembledServer) -> WebhookApi:
    """The webhooks of the home world, as their owner sees them."""
    return WebhookApi(api, control, sandbox)
