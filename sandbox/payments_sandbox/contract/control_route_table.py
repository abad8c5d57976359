"""Owns the one table of the control API's routes; the server and its OpenAPI document read it.

Paths are relative to `/_sandbox`. A new route is a new row in its chapter.
"""

from typing import Final

from payments_sandbox.contract.control_routes.records import RECORDS
from payments_sandbox.contract.control_routes.scenarios import SCENARIOS
from payments_sandbox.contract.control_routes.server import SERVER
from payments_sandbox.contract.control_routes.webhooks import WEBHOOKS
from payments_sandbox.contract.control_routes.worlds import WORLDS

CONTROL_PATH: Final = "/_sandbox"

CONTROL_ROUTES: Final = (*SERVER, *WORLDS, *SCENARIOS, *WEBHOOKS, *RECORDS)
