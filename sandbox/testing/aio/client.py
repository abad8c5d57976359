"""Owns the client as a whole: a method for each route of the control API, of the route's name."""

from sandbox.testing.aio.records import AsyncRecordCalls
from sandbox.testing.aio.scenarios import AsyncScenarioCalls
from sandbox.testing.aio.server import AsyncServerCalls
from sandbox.testing.aio.webhooks import AsyncWebhookCalls
from sandbox.testing.aio.worlds import AsyncWorldCalls


class AsyncSandboxClient(
    AsyncServerCalls, AsyncWorldCalls, AsyncWebhookCalls, AsyncRecordCalls, AsyncScenarioCalls
):
    """The control API of one server, for the world of one API key.

    What a method is not given is left out of the request. Each raises `Refused` when the control
    API answers with an error, and `Unreachable` when nobody answers.
    """
