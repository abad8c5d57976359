"""Owns the list of parts that make up one running server."""

from typing import NamedTuple

from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.access_log import RequestLog
from payments_sandbox.server.change_notifier import News
from payments_sandbox.server.clock_advance import ClockAdvancer
from payments_sandbox.server.delayed_replies import Sleepers
from payments_sandbox.server.live_timers import Pacer
from payments_sandbox.server.webhooks.dispatcher import Dispatcher
from payments_sandbox.world.registry import Worlds


class Parts(NamedTuple):
    """The parts of one running server."""

    settings: Settings
    worlds: Worlds
    contract: Contract
    sleepers: Sleepers
    news: News
    pacer: Pacer
    dispatcher: Dispatcher
    clock_advancer: ClockAdvancer
    log: RequestLog
