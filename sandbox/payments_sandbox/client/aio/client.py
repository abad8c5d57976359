"""Owns the client as a whole: a method for each route of the control API, of the route's name."""

from payments_sandbox.client.aio.records import AsyncRecordCalls
from payments_sandbox.client.aio.scenarios import AsyncScenarioCalls
from payments_sandbox.client.aio.server import AsyncServerCalls
from payments_sandbox.client.aio.webhooks import AsyncWebhookCalls
from payments_sandbox.client.aio.worlds import AsyncWorldCalls


class AsyncSandboxClient(
    AsyncServerCalls, AsyncWorldCalls, AsyncWebhookCalls, AsyncRecordCalls, AsyncScenarioCalls
):
    """The control API of one server, for the world of one API key.

    What a method is not given is left out of the request. Each raises `Refused` when the control
    API answers with an error, and `Unreachable` when nobody answers.
    """
