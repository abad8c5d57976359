"""Owns the client as a whole: a method for each route of the control API, of the route's name."""

from sandbox.testing.sync.records import RecordCalls
from sandbox.testing.sync.scenarios import ScenarioCalls
from sandbox.testing.sync.server import ServerCalls
from sandbox.testing.sync.webhooks import WebhookCalls
from sandbox.testing.sync.worlds import WorldCalls


class SandboxClient(ServerCalls, WorldCalls, WebhookCalls, RecordCalls, ScenarioCalls):
    """The control API of one server, for the world of one API key.

    What a method is not given is left out of the request. Each raises `Refused` when the control
    API answers with an error, and `Unreachable` when nobody answers.
    """
