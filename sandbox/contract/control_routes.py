"""Owns the one table of the control API's routes; the server and its OpenAPI document read it.

Paths are relative to `/_sandbox`. A new route is a new row in its chapter.
"""

from typing import Final

from sandbox.contract.control.records import RECORDS
from sandbox.contract.control.scenarios import SCENARIOS
from sandbox.contract.control.server import SERVER
from sandbox.contract.control.webhooks import WEBHOOKS
from sandbox.contract.control.worlds import WORLDS

CONTROL_PATH: Final = "/_sandbox"

CONTROL_ROUTES: Final = (*SERVER, *WORLDS, *SCENARIOS, *WEBHOOKS, *RECORDS)
