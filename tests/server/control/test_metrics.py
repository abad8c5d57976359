"""Tests GET metrics: counts of calls and webhooks of all worlds, in the format of Prometheus."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientConnectionError
from prometheus_client.parser import text_string_to_metric_families

from payments_sandbox import __version__
from payments_sandbox.core.settings import Settings
from payments_sandbox.server import process_facts
from payments_sandbox.server.control.metrics import Counts, metrics_text
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.process_facts import LoopLag
from payments_sandbox.testing import MemorySandbox
from tests.project.tree import ROOT
from tests.support.http import Api, Control, bearer, paid, until
from tests.support.values import KEY, documented_create

IS_LINUX = Path("/proc/self/statm").exists()
OTHER = "sk_test_other"
REQUESTS = "payments_sandbox_requests_total"

Samples = dict[tuple[str, ...], float]
"""Values by the family's name and the values of the labels."""


@pytest.fixture
def settings() -> Settings:
    return Settings(clock="2030-01-15T09:00:00Z", seed=7)


def read(text: str) -> Samples:
    """Return the samples of a text, parsed by Prometheus' own parser."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type in {"counter", "gauge", "summary"}
        for sample in family.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found
            found[key] = sample.value
    return found


async def scraped(api: Api) -> Samples:
    """Return the samples of a scrape."""
    async with api.get("/_sandbox/metrics", headers={"Authorization": ""}) as reply:
        text = await reply.text()
        assert reply.status == 200, text
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert reply.headers["Server"] == "payments-sandbox"
        return read(text)


def of(samples: Samples, name: str) -> Mapping[tuple[str, ...], float]:
    """Return the samples of one family, by the values of their labels."""
    return {key[1:]: value for key, value in samples.items() if key[0] == name}


async def test_metrics_count_calls_by_operation_and_status(api: Api) -> None:
    """Of every world, including dropped ones, and calls with an invalid key."""
    await paid(api)
    await paid(api)
    await paid(api, 400, key=OTHER, card_number="4000000000000002")
    await api.delete("/_sandbox/world", headers=bearer(OTHER))
    await api.get("/v3/payments", headers=bearer("nonsense"))
    await api.get("/v3/nowhere")

    assert of(await scraped(api), REQUESTS) == {
        ("create_payment", "201", "none"): 2,
        ("create_payment", "400", "none"): 1,
        ("list_payments", "401", "none"): 1,
        ("none", "404", "none"): 1,
    }


async def test_metrics_count_faults_by_name(api: Api, control: Control) -> None:
    """Without a status if there was no reply."""
    drop: dict[str, Any] = {"drop": {"commit": True}}
    raw = {"respond_raw": {"status": 503, "body": "busy", "off_contract": True}}
    rule = {"request": "create_payment", "do": [drop, raw]}
    await control("add_active_scenario", {"scenario": "down", "rules": [rule]})
    with pytest.raises(ClientConnectionError):
        await paid(api)
    async with api.post("/v3/payments", json=documented_create()) as reply:
        assert reply.status == 503

    assert of(await scraped(api), REQUESTS) == {
        ("create_payment", "none", "drop"): 1,
        ("create_payment", "503", "respond_raw"): 1,
    }


async def test_metrics_count_webhook_attempts_and_deliveries_by_outcome(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    """A failed attempt and its retry are two attempts of one delivery."""
    await control("script_inbox", {"respond": [500, 200, 410]}, ids={"name": "orders"})
    retries = {"url": "inbox:orders", "retries": ["1s"]}
    await control("create_webhook_endpoint", retries)
    await paid(api)
    assert of(await scraped(api), "payments_sandbox_webhooks_pending") == {(): 1}
    await control("advance_clock", {"by": "1s"})
    await paid(api)
    await control("advance_clock", {"by": "0s"})
    samples = await scraped(api)

    assert of(samples, "payments_sandbox_webhook_attempts_total") == {
        ("delivered",): 1,
        ("failed",): 2,
        ("lost",): 0,
    }
    assert of(samples, "payments_sandbox_webhook_deliveries_total") == {
        ("delivered",): 1,
        ("failed",): 0,
        ("disabled",): 1,
    }
    assert of(samples, "payments_sandbox_webhooks_in_flight") == {(): 0}
    assert len(sandbox.runtime.dispatcher) == 0


async def test_metrics_count_a_webhook_dropped_by_a_rule_as_lost(
    api: Api, control: Control
) -> None:
    """Not as failed: no receiver refused it."""
    rule = {"webhook": "payment.completed", "do": "drop"}
    await control("add_active_scenario", {"scenario": "lost", "rules": [rule]})
    await control("create_webhook_endpoint", {"url": "inbox:orders", "retries": []})
    await paid(api)
    await control("advance_clock", {"by": "0s"})

    attempts = of(await scraped(api), "payments_sandbox_webhook_attempts_total")
    assert attempts == {("delivered",): 0, ("failed",): 0, ("lost",): 1}


async def test_metrics_show_worlds_version_and_process(api: Api) -> None:
    """The process as far as the operating system tells."""
    await paid(api, key=OTHER)
    samples = await scraped(api)

    assert of(samples, "payments_sandbox_worlds") == {(): 2}
    assert of(samples, "payments_sandbox_info") == {(__version__,): 1}
    assert samples["process_cpu_seconds_total",] > 0
    if IS_LINUX:
        assert samples["process_resident_memory_bytes",] > 1_000_000
        assert 0 < samples["process_open_fds",] < samples["process_max_fds",]
        assert samples["process_start_time_seconds",] > 1_700_000_000


async def test_metric_labels_contain_no_keys_paths_or_methods_of_clients(api: Api) -> None:
    """Otherwise each would make a new sample."""
    for number in range(20):
        key = f"sk_test_number_{number}"
        await api.get(f"/v3/payments/pay_{number}", headers=bearer(key))
        await api.patch(f"/v3/odd/{number}", headers=bearer(key))
    async with api.get("/_sandbox/metrics") as reply:
        text = await reply.text()

    assert of(read(text), REQUESTS) == {
        ("retrieve_payment", "404", "none"): 20,
        ("none", "404", "none"): 20,
    }
    assert not [word for word in ("sk_test", "pay_", "odd", KEY) if word in text]


@pytest.mark.parametrize("settings", [Settings(control_token="t0ken")])
async def test_metrics_require_the_control_token(api: Api) -> None:
    """As every route that is not about health."""
    assert (await api.get("/_sandbox/metrics")).status == 401
    told = await api.get("/_sandbox/metrics", headers={"Sandbox-Token": "t0ken"})
    assert told.status == 200


class FakeLoop:
    """A loop whose clock is set by hand, and which does nothing by itself."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Any, Any]] = []

    def time(self) -> float:
        """The instant that was set."""
        return self.now

    def call_at(self, when: float, callback: Any, *given: Any) -> SimpleNamespace:  # noqa: ANN401 - as asyncio's
        """Note a timer."""
        self.timers.append((when, callback, given))
        return SimpleNamespace(cancel=self.timers.clear)

    def wake(self, late: float) -> None:
        """Do what was to be done, so many seconds late."""
        when, callback, given = self.timers.pop()
        self.now = when + late
        callback(*given)


def test_the_loop_lag_is_how_late_a_timer_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured each second; the largest of the last minute is kept."""
    loop = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    lag = LoopLag()
    assert (lag.largest, loop.timers[0][0]) == (0.0, 101.0)
    for late in (0.25, 2.0, 0.0):
        loop.wake(late)

    assert (lag.measured, round(lag.total, 9), round(lag.largest, 9)) == (3, 2.25, 2.0)
    for _ in range(60):
        loop.wake(0.0)
    assert (lag.measured, lag.largest) == (63, 0.0)
    lag.stop()
    assert loop.timers == []


async def test_the_loop_lag_is_measured_from_the_first_scrape_on(
    api: Api, sandbox: AssembledServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle server without scrapes stays asleep."""
    monkeypatch.setattr(process_facts, "_EVERY", 0.01)
    before = sandbox.runtime.metrics.lag
    first = await scraped(api)
    lag = sandbox.runtime.metrics.lag
    assert before is None
    assert lag is not None
    assert first["payments_sandbox_loop_lag_seconds_count",] == 0

    await until(api, lambda: lag.measured > 0)
    lag.stop()
    assert (await scraped(api))["payments_sandbox_loop_lag_max_seconds",] == lag.largest
    assert sandbox.runtime.metrics.lag is lag


def test_process_facts_without_proc_have_only_the_cpu_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_facts, "_OWN", tmp_path)
    assert list(process_facts.process_facts()) == ["process_cpu_seconds_total"]


def test_metrics_of_several_processes_are_merged() -> None:
    """Counts and resource use are summed; the start time is the earliest."""
    created, lost = ("create_payment", 201, None), ("create_payment", None, "drop")
    now = {"webhooks_in_flight": 0, "webhooks_pending": 1, "worlds": 2}
    process = {
        "process_cpu_seconds_total": 1.5,
        "process_start_time_seconds": 1000.0,
        "process_open_fds": 7,
        "process_max_fds": 1024,
    }
    one = Counts([(created, 2)], {"delivered": 1}, {}, now, (0.5, 2, 0.4), process)
    younger = process | {"process_start_time_seconds": 2000.0}
    # As JSON has it, which other processes answer in.
    other = json.loads(
        json.dumps(
            Counts(
                [(created, 1), (lost, 1)], {"failed": 3}, {}, now, (1.0, 3, 0.2), younger
            )._asdict()
        )
    )
    samples = read(metrics_text([one, Counts(**other)]))

    assert of(samples, REQUESTS) == {
        ("create_payment", "201", "none"): 3,
        ("create_payment", "none", "drop"): 1,
    }
    assert of(samples, "payments_sandbox_webhook_attempts_total") == {
        ("delivered",): 1,
        ("failed",): 3,
        ("lost",): 0,
    }
    assert samples["payments_sandbox_worlds",] == 4
    assert samples["payments_sandbox_loop_lag_seconds_sum",] == 1.5
    assert samples["payments_sandbox_loop_lag_seconds_count",] == 5
    assert samples["payments_sandbox_loop_lag_max_seconds",] == 0.4
    assert samples["process_cpu_seconds_total",] == 3
    assert samples["process_start_time_seconds",] == 1000
    assert samples["process_open_fds",] == 14
    assert samples["process_max_fds",] == 1024


def test_an_in_memory_sandbox_has_metrics_without_loop_lag() -> None:
    """It has no event loop."""
    with MemorySandbox() as sandbox, sandbox.client() as control:
        samples = read(control.retrieve_metrics())
    assert samples["payments_sandbox_worlds",] >= 1
    assert not [key for key in samples if "lag" in key[0]]


def test_the_page_quotes_the_help_and_type_of_a_metric() -> None:
    """The example of docs/control-api.md begins as the reply does."""
    page = (ROOT / "docs" / "control-api.md").read_text(encoding="utf-8").splitlines()
    with MemorySandbox() as server, server.client() as control:
        scraped = control.retrieve_metrics().splitlines()

    quoted = [line for line in page if line.startswith(("# HELP", "# TYPE"))]
    assert quoted
    assert set(quoted) <= set(scraped)
