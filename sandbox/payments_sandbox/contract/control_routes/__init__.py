"""Owns the one table of the control API's routes, grouped by noun.

To add a noun, add a module of rows here, a module of handlers with the same name in
`server/control`, and a line in this table.
"""

from collections.abc import Mapping
from typing import Final

from payments_sandbox.contract.control_routes.audit import AUDIT
from payments_sandbox.contract.control_routes.cards import CARDS
from payments_sandbox.contract.control_routes.clock import CLOCK
from payments_sandbox.contract.control_routes.coverage import COVERAGE
from payments_sandbox.contract.control_routes.deliveries import DELIVERIES
from payments_sandbox.contract.control_routes.events import EVENTS
from payments_sandbox.contract.control_routes.held import HELD
from payments_sandbox.contract.control_routes.inbox import INBOX
from payments_sandbox.contract.control_routes.journal import JOURNAL
from payments_sandbox.contract.control_routes.metrics import METRICS
from payments_sandbox.contract.control_routes.payments import PAYMENTS
from payments_sandbox.contract.control_routes.rate_limit import RATE_LIMIT
from payments_sandbox.contract.control_routes.report import REPORT
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.control_routes.scenarios import SCENARIOS
from payments_sandbox.contract.control_routes.server import SERVER
from payments_sandbox.contract.control_routes.webhooks import WEBHOOKS
from payments_sandbox.contract.control_routes.worlds import WORLDS

CONTROL_PATH: Final = "/_sandbox"
"""The start of every route's path."""

ROUTES_BY_NOUN: Final[Mapping[str, tuple[ControlRoute, ...]]] = {
    "server": SERVER,
    "cards": CARDS,
    "coverage": COVERAGE,
    "metrics": METRICS,
    "worlds": WORLDS,
    "clock": CLOCK,
    "rate_limit": RATE_LIMIT,
    "payments": PAYMENTS,
    "scenarios": SCENARIOS,
    "report": REPORT,
    "audit": AUDIT,
    "webhooks": WEBHOOKS,
    "deliveries": DELIVERIES,
    "inbox": INBOX,
    "events": EVENTS,
    "journal": JOURNAL,
    "held": HELD,
}

CONTROL_ROUTES: Final = tuple(route for rows in ROUTES_BY_NOUN.values() for route in rows)
