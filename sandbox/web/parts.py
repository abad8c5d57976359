"""Owns the list of parts that make up one running server."""

from typing import NamedTuple

from sandbox.contract.schemas import Contract
from sandbox.engine.worlds import Worlds
from sandbox.settings import Settings
from sandbox.web.news import News
from sandbox.web.pacer import Pacer
from sandbox.web.request_log import RequestLog
from sandbox.web.sleepers import Sleepers
from sandbox.web.walks import Walks
from sandbox.webhooks.dispatcher import Dispatcher


class Parts(NamedTuple):
    """The parts of one running server."""

    settings: Settings
    worlds: Worlds
    contract: Contract
    sleepers: Sleepers
    news: News
    pacer: Pacer
    dispatcher: Dispatcher
    walks: Walks
    log: RequestLog
