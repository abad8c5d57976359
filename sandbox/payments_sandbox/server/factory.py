"""Owns the composition of a server; no other module reads the wall clock or entropy for worlds."""

import logging
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from payments_sandbox.api.gateway import Gateway
from payments_sandbox.api.responses import stored_payment
from payments_sandbox.contract.schemas import Contract, load_contract
from payments_sandbox.core.ids import SEEDS
from payments_sandbox.core.instants import EPOCH, LAST, Instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import Slices
from payments_sandbox.server.control.api import ControlApi
from payments_sandbox.server.emulated_api import EmulatedApi
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.request_handler import RequestHandler
from payments_sandbox.server.webhooks.dispatcher import Sender
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.world.config import ServerContext
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from payments_sandbox.rules.scenario import Scenario
    from payments_sandbox.verification.failure_tally import FailureTally

_log = logging.getLogger(__name__)


class AssembledServer(NamedTuple):
    """A server that is assembled but does not listen yet.

    Attributes:
        settings: the user's settings.
        contract: the documented schemas, compiled.
        runtime: the worlds, and what runs for them.
        gateway: answers the calls of the emulated API.
        handler: answers every request.
        log: writes a line for each request and webhook.
    """

    settings: Settings
    contract: Contract
    runtime: WorldRuntime
    gateway: Gateway
    handler: RequestHandler
    log: RequestLog


def assemble(
    settings: Settings,
    log: RequestLog | None = None,
    *,
    make_sender: Callable[[], Sender] | None = None,
    runtime_type: type[WorldRuntime] = WorldRuntime,
    scenarios: "Sequence[Scenario]" = (),
) -> AssembledServer:
    """Assemble a server.

    Args:
        settings: the user's settings.
        log: gets each call to `/v3`, each webhook, and each request that is turned away.
        make_sender: makes the sender of webhooks; by default, one that posts over the network.
        runtime_type: the class of the runtime; a server without an event loop has its own.
        scenarios: scenarios that every world starts with, after those of the settings.

    Raises:
        UnknownScenario, WrongScenarios, OSError: as `scenarios.library.initial_files`.
        InvalidRequest: the scenarios cannot be active together.
        ValueError: `settings.clock` is neither "live" nor an ISO 8601 instant.
    """
    contract = load_contract(lenient=settings.lenient)
    log = RequestLog() if log is None else log
    runtime = runtime_type(
        settings,
        _context(settings, contract, scenarios),
        entropy=_entropy,
        log_attempt=log.attempted if log.is_wanted else None,
        activate=_activate,
        make_sender=make_sender or partial(_sender, settings),
        tally=_tally() if settings.coverage else None,
    )
    gateway = Gateway(runtime.worlds, contract)
    emulated = EmulatedApi(settings, runtime, gateway, log)
    control = ControlApi(settings, contract, runtime, gateway, log)
    handler = RequestHandler(settings, emulated, control, log, runtime.metrics)
    return AssembledServer(settings, contract, runtime, gateway, handler, log)


def _context(
    settings: Settings, contract: Contract, scenarios: "Sequence[Scenario]"
) -> ServerContext:
    return ServerContext(
        wall_clock,
        partial(stored_payment, contract),
        _read_scenario,
        _webhooks(settings),
        settings.public_webhooks,
        (*_scenarios(settings), *scenarios),
        report_bug=_report_bug,
    )


def _webhooks(settings: Settings) -> tuple[str, ...]:
    """Return the URLs that every world sends webhooks to.

    Whether private or public addresses are permitted is checked later, with each connection.

    Raises:
        ValueError: one is not the URL of a receiver.
    """
    if settings.webhooks:
        from payments_sandbox.webhooks.target_policy import why_blocked  # noqa: PLC0415 - few servers need it

        for url in settings.webhooks:
            if problem := why_blocked(url, public=True):
                raise ValueError(f"webhooks: {problem}, not {url!r}")
    return settings.webhooks


def _report_bug(error: Exception) -> None:
    _log.error("a rule failed, and its effects were skipped", exc_info=error)


def _scenarios(settings: Settings) -> "tuple[Scenario, ...]":
    if not settings.scenarios:
        return ()
    from payments_sandbox.scenarios.library import initial_files  # noqa: PLC0415 - imports YAML and the lint

    files = initial_files(settings)
    for warning in (line for file in files for line in file.lint()):
        _log.warning(warning)
    return tuple(each.loaded.scenario for each in files if each.loaded.scenario is not None)


def _activate(
    world: World, scenarios: "Sequence[Scenario]", *, is_clock_given: bool
) -> Slices[None]:
    from payments_sandbox.scenarios.activation import setting_active  # noqa: PLC0415 - most servers have none

    return setting_active(world, scenarios, is_clock_given=is_clock_given)


def _read_scenario(source: object) -> "Scenario":
    from payments_sandbox.scenarios.loader import read_scenario  # noqa: PLC0415 - imports YAML and the lint

    return read_scenario(source)


def _sender(settings: Settings) -> Sender:
    from payments_sandbox.server.webhooks.sender import HttpSender, trusting  # noqa: PLC0415 - most servers send nothing

    return HttpSender(public=settings.public_webhooks, tls=trusting(settings.webhook_ca))


def _tally() -> "FailureTally":
    from payments_sandbox.verification.failure_tally import FailureTally  # noqa: PLC0415 - most servers count nothing

    return FailureTally()


def wall_clock() -> Instant:
    """Return the real time, limited to the range of instants that a snapshot can hold."""
    now = time.time_ns() // 1_000_000
    # Each call reads it several times, and `min` and `max` take longer than reading it.
    return Instant(now) if EPOCH <= now <= LAST else EPOCH if now < EPOCH else LAST


def _entropy() -> int:
    return secrets.randbelow(SEEDS)
