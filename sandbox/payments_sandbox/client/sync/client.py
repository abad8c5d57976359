"""Owns the client as a whole: a method for each route of the control API, of the route's name."""

from payments_sandbox.client.sync.records import RecordCalls
from payments_sandbox.client.sync.scenarios import ScenarioCalls
from payments_sandbox.client.sync.server import ServerCalls
from payments_sandbox.client.sync.webhooks import WebhookCalls
from payments_sandbox.client.sync.worlds import WorldCalls


class SandboxClient(ServerCalls, WorldCalls, WebhookCalls, RecordCalls, ScenarioCalls):
    """The control API of one server, for the world of one API key.

    What a method is not given is left out of the request. Each raises `Refused` when the control
    API answers with an error, and `Unreachable` when nobody answers.
    """
