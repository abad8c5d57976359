"""Owns the route of the metrics: what was counted, and how things stand now."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aiohttp import web

from payments_sandbox import __version__
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.loop_lag import LoopLag
from payments_sandbox.server.metrics import DELIVERED, FAILED, LOST, CallEnd
from payments_sandbox.server.metrics_text import CONTENT_TYPE, Family, Sample, metrics_text
from payments_sandbox.server.process_facts import process_families
from payments_sandbox.server.response import SERVER
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.webhooks.delivery import DeliveryStatus

ATTEMPTS: Final = (DELIVERED, FAILED, LOST)
ENDS: Final = tuple(each.value for each in DeliveryStatus if each is not DeliveryStatus.PENDING)

_NONE: Final = "none"
"""The operation where it was none of the API's, the status and the fault where there was none."""


def retrieve_metrics(request: ControlRequest) -> web.StreamResponse:
    """What the server has done, and how it stands now, in the text format of Prometheus."""
    request.runtime.start_measuring()
    text = metrics_text([*_families(request.runtime), *process_families()])
    return web.Response(body=text.encode(), headers={**SERVER, "Content-Type": CONTENT_TYPE})


def _families(runtime: WorldRuntime) -> Iterator[Family]:
    metrics = runtime.metrics
    info = (Sample(1, {"version": __version__}),)
    yield Family("payments_sandbox_info", "gauge", "Which version runs.", info)
    yield Family(
        "payments_sandbox_requests_total",
        "counter",
        "Calls of the emulated API, by operation, status that was sent, and fault that was met.",
        [Sample(count, _labels(call)) for call, count in sorted(metrics.calls.items(), key=str)],
    )
    yield _by_outcome("webhook_attempts", "Attempts of webhooks.", metrics.attempts, ATTEMPTS)
    yield _by_outcome(
        "webhook_deliveries", "Deliveries that an attempt ended.", metrics.deliveries, ENDS
    )
    in_flight = len(runtime.dispatcher)
    yield _gauge("webhooks_in_flight", "Webhooks that are being sent.", in_flight)
    pending = sum(world.pending_webhooks for world in runtime.worlds)
    yield _gauge("webhooks_pending", "Deliveries that have not ended.", pending)
    yield _gauge("worlds", "Worlds that there are.", len(runtime.worlds))
    if metrics.lag is not None:
        yield from _lag(metrics.lag)


def _labels(call: CallEnd) -> dict[str, str]:
    operation, status, fault = call
    return {
        "operation": operation or _NONE,
        "status": _NONE if status is None else str(status),
        "fault": fault or _NONE,
    }


def _by_outcome(name: str, text: str, counts: Mapping[str, int], known: Sequence[str]) -> Family:
    samples = [Sample(counts.get(each, 0), {"outcome": each}) for each in known]
    return Family(f"payments_sandbox_{name}_total", "counter", text, samples)


def _gauge(name: str, text: str, value: float) -> Family:
    return Family(f"payments_sandbox_{name}", "gauge", text, (Sample(value),))


def _lag(lag: LoopLag) -> Iterator[Family]:
    sums = Sample(lag.total, ending="_sum"), Sample(lag.measured, ending="_count")
    text = "How late the event loop was, each second since the first scrape."
    yield Family("payments_sandbox_loop_lag_seconds", "summary", text, sums)
    text = "The largest lag of the last minute."
    yield _gauge("loop_lag_max_seconds", text, lag.largest)
