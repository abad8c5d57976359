"""Owns a server as its users know it, and a world of it as a test holds it: plain objects."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self, TypeVar
from weakref import WeakSet

from payments_sandbox.client.async_client import AsyncSandboxClient
from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.errors import ControlApiError
from payments_sandbox.client.messages import (
    ListPage,
    common_headers,
    every,
    parse_address,
)
from payments_sandbox.client.models import (
    AuditModel,
    DeliveryModel,
    EventModel,
    JournalEntryModel,
    PaymentModel,
    ReportModel,
    ResetWorldOnlyLiteral,
    SetRateLimitModel,
    WebhookEndpointEventLiteral,
    WebhookEndpointModel,
    WorldModel,
)
from payments_sandbox.client.transport import (
    AsyncHttpTransport,
    AsyncTransport,
    HttpTransport,
    Transport,
)
from payments_sandbox.testing.clock import Clock, RateLimit
from payments_sandbox.testing.inbox import Inbox
from payments_sandbox.testing.reports import (
    check_calls,
    explain_request,
    judge_scenarios,
    raise_if_unmet,
)
from payments_sandbox.testing.scenario_files import find_scenario
from payments_sandbox.testing.watched_transport import (
    AsyncWatchedTransport,
    BeforeEnd,
    Ending,
    OnceEnded,
    WatchedTransport,
    nothing,
)

__tracebackhide__ = True
"""pytest shows the test's line that called, not ours."""

T = TypeVar("T")


class Sandbox:
    """A world: where it is, its key, and all that can be done to it and seen of it.

    Lists are in the order of time, and read anew whenever they are asked for.

    Attributes:
        base_url: where the emulated API is; it ends in `/v3`.
        sandbox_url: where the control API is.
        api_key: names the world.
        webhook_secret: what its webhooks are signed with.
        seed: what its ids and draws come from.
        token: what the control API wants as `Sandbox-Token`, if anything.
        control: the control API, a method a route.
        clock, rate_limit: the world's own.
        is_scripted: whether it was given a scenario or an expectation.
        is_closed: whether it was dropped here.
        made: the world, as the control API showed it in the beginning.
    """

    def __init__(self, server: "Server", made: WorldModel, *, folders: Sequence[Path] = ()) -> None:
        self.base_url = made["base_url"]
        self.sandbox_url = made["sandbox_url"]
        self.api_key = made["api_key"]
        self.webhook_secret = made["webhook_secret"]
        self.seed = made["seed"]
        self.token = server.token
        self.control = server.client(self.api_key)
        self.clock = Clock(self.control)
        self.rate_limit = RateLimit(self.control)
        self.made = made
        self.is_scripted = False
        self.is_closed = False
        # The fixtures' own: called before what was seen here is lost, or scenarios end.
        self._before_end: BeforeEnd | None = None
        self._server = server
        self._folders = folders
        self._expected = 0

    @property
    def headers(self) -> dict[str, str]:
        """The header that names the world."""
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def payments(self) -> list[PaymentModel]:
        """Every payment in full; asking counts against no limit."""
        return _oldest_first(self.control.list_payments)

    @property
    def requests(self) -> list[JournalEntryModel]:
        """The requests that the journal keeps, each with what answered it; cards are masked."""
        return _oldest_first(self.control.list_requests)

    @property
    def events(self) -> list[EventModel]:
        """Every event, as the body of its webhook."""
        return _oldest_first(self.control.list_events)

    @property
    def deliveries(self) -> list[DeliveryModel]:
        """Events on their way to endpoints, each with all its attempts."""
        return _oldest_first(self.control.list_deliveries)

    @property
    def webhooks(self) -> list[WebhookEndpointModel]:
        """The webhook endpoints."""
        return _oldest_first(self.control.list_webhook_endpoints)

    def inbox(
        self, name: str = "test", *, events: Sequence[WebhookEndpointEventLiteral] = ("*",)
    ) -> Inbox:
        """A built-in receiver that gets these events from now on.

        An endpoint is made for it unless one sends there already; without `events` none is made.
        """
        inbox = Inbox(self.control, name)
        if events and inbox.url not in [each["url"] for each in self.webhooks]:
            self.control.create_webhook_endpoint(inbox.url, events=events)
        return inbox

    def use(self, *scenarios: str | Path | Mapping[str, object]) -> None:
        """Follow these scenarios, too: by name, by the path of a file, or written out.

        Raises:
            UnknownScenario: there is no such file.
            ControlApiError: there is no such name, or one is not as the language wants it;
                `problems` says where.
        """
        for scenario in scenarios:
            self.is_scripted = True
            self.control.add_active_scenario(self._found(scenario))

    def expect(self, *expectations: Mapping[str, object]) -> None:
        """Let these be true when the test is over, or at the next `verify`.

        Raises:
            ControlApiError: one is not as the language wants it; `problems` says where.
        """
        self._expected += 1
        self.use({"scenario": f"expected-{self._expected}", "expect": expectations})

    def verify(self, *expectations: Mapping[str, object], within: str | None = None) -> None:
        """Judge these expectations now, or else all that scenarios have.

        Args:
            expectations: as a scenario's `expect` has them.
            within: how long to wait for them to hold, in wall time.

        Raises:
            ExpectationFailed: some do not hold; the text says which, and what was seen instead.
        """
        raise_if_unmet(
            self.control.verify(expect=expectations or None, within=within)["expectations"]
        )

    def judge(self, *scenarios: str) -> None:
        """Judge all that scenarios expect, and their rules, as the end of a test does.

        Args:
            scenarios: the names of those that are judged; all of them where there are none.

        Raises:
            ExpectationFailed: an expectation does not hold within its time, or a rule has run out
                of steps.
        """
        judge_scenarios(self.control, scenarios)

    def check_calls(self) -> None:
        """See that every call of the client was one that the API has.

        Raises:
            ExpectationFailed: some had a path or a method that is not documented.
        """
        check_calls(self.report().get("undocumented", ()))

    def report(self) -> ReportModel:
        """Which expectations are met, which rules fired and why others did not, and the audit."""
        return self.control.retrieve_report()

    def audit(self) -> AuditModel:
        """What a real ledger would not forgive: `clean`, or its `findings`."""
        return self.control.retrieve_audit()

    def snapshot(self) -> dict[str, Any]:
        """The whole world, to be put back by `restore`, here or in another world."""
        return self.control.retrieve_snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Put a snapshot in the world's place."""
        self.control.restore_snapshot(snapshot)

    def reset(self, *only: ResetWorldOnlyLiteral) -> None:
        """Put the world, or some parts of it such as `payments`, back to how it was made."""
        self.control.reset_world(only=only or None)

    def explain(self, request_id: str) -> str:
        """What became of a request and why: the rule that answered, or why each did not."""
        return explain_request(self.control.retrieve_request(request_id))

    def async_client(self) -> AsyncSandboxClient:
        """The control API for code that must not block its event loop."""
        return self._server.async_client(self.api_key)

    def close(self) -> None:
        """Drop the world."""
        try:
            self.control.delete_world()
        finally:
            self.is_closed = True
            self.control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _before(self, ending: Ending) -> OnceEnded | None:
        """Tell what is about to end.

        Returns:
            What to call once it has; None where there is nobody to tell.
        """
        if self._before_end is None or self.is_closed:
            return None
        if isinstance(ending, str):
            return self._before_end(ending, ())
        active = self.control.list_active_scenarios()["data"]
        names = [each["name"] for each in active if ending.includes(each["scenario"])]
        return self._before_end(f"ended {', '.join(names)} in", names) if names else nothing

    def _found(
        self, scenario: str | Path | Mapping[str, object]
    ) -> str | Mapping[str, object] | bytes:
        if isinstance(scenario, str):
            scenario = find_scenario(scenario, self._folders)
        return scenario.read_bytes() if isinstance(scenario, Path) else scenario

    def __repr__(self) -> str:
        return f"<Sandbox {self.api_key} at {self.base_url}, seed {self.seed}>"


def _oldest_first(list_page: ListPage[T]) -> list[T]:
    """All of a list whose pages begin with the newest."""
    return list(every(list_page))[::-1]


class Server:
    """A server that runs somewhere.

    Attributes:
        url: its address, such as `http://127.0.0.1:8080`.
        token: what its control API wants as `Sandbox-Token`, if anything.
        ca_file: the certificate of whom its clients have to trust, of a server with `tls="auto"`.
        ca_bundle: the same with all that is trusted on this machine.
        tls_faults: the `base_url` of ports with a certificate that nobody should accept, by fault.
    """

    ca_file: Path | None = None
    ca_bundle: Path | None = None
    tls_faults: Mapping[str, str] = MappingProxyType({})
    _on_world: Callable[[Sandbox], None] | None = (
        None  # the plugin's: is told of each that is given
    )

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self._held: dict[str | None, WeakSet[Sandbox]] = {}

    @property
    def base_url(self) -> str:
        """Where the emulated API is; it ends in `/v3`."""
        return f"{self.url}/v3"

    @property
    def sandbox_url(self) -> str:
        """Where the control API is."""
        return f"{self.url}/_sandbox"

    def client(self, api_key: str | None = None) -> SandboxClient:
        """A client of the control API, for the world of a key."""
        transport = WatchedTransport(self._transport(api_key), partial(self._before, api_key))
        return SandboxClient(self.url, api_key, transport=transport)

    def async_client(self, api_key: str | None = None) -> AsyncSandboxClient:
        """The same for code that must not block its event loop."""
        before = partial(self._before, api_key)
        transport = AsyncWatchedTransport(self._async_transport(api_key), before)
        return AsyncSandboxClient(self.url, api_key, transport=transport)

    def _transport(self, api_key: str | None = None) -> Transport:
        """What carries the requests of a client."""
        return HttpTransport(parse_address(self.url), common_headers(api_key, self.token))

    def _async_transport(self, api_key: str | None = None) -> AsyncTransport:
        """The same of one for code that must not block its event loop."""
        return AsyncHttpTransport(parse_address(self.url), common_headers(api_key, self.token))

    def world(self, api_key: str, *, folders: Sequence[Path] = ()) -> Sandbox:
        """The world of a key, made now if the key is new."""
        with self.client(api_key) as client:
            made = client.retrieve_world()
        return self._given(made, folders)

    def new_world(
        self,
        *,
        key: str | None = None,
        name: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
        folders: Sequence[Path] = (),
    ) -> Sandbox:
        """A world of its own, until it is closed.

        Args:
            key: its API key, whose earlier world is dropped; else a new one.
            name: what reports call it.
            seed: what its ids and draws come from; else derived from the server's.
            clock: an ISO 8601 instant where its clock stands still, or `live`.
            rate_limit: requests in an hour of its clock.
            folders: where the team's scenarios are.
        """
        limit: SetRateLimitModel | None = None if rate_limit is None else {"limit": rate_limit}
        if key is not None:
            with self.client(key) as owner, suppress(ControlApiError):  # it may have none
                owner.delete_world()
        with self.client() as anybody:
            made = anybody.create_world(
                api_key=key, name=name, seed=seed, clock=clock, rate_limit=limit
            )
        return self._given(made, folders)

    def _given(self, made: WorldModel, folders: Sequence[Path]) -> Sandbox:
        world = Sandbox(self, made, folders=folders)
        self._held.setdefault(world.api_key, WeakSet()).add(world)
        if self._on_world is not None:
            self._on_world(world)
        return world

    def _before(self, api_key: str | None, ending: Ending) -> OnceEnded:
        """Tell who holds a world what a request of any client is about to end."""
        told = (each._before(ending) for each in [*self._held.get(api_key, ())])  # noqa: SLF001 - of this module
        once_ended = next(filter(None, told), nothing)

        def ended() -> None:
            once_ended()
            if ending == "dropped":
                self._held.pop(api_key, None)

        return ended

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.url}>"


class MakeSandbox(Protocol):
    """What the fixture `make_sandbox` is: it makes one more world for a test."""

    def __call__(
        self,
        *scenarios: str,
        key: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
    ) -> Sandbox:
        """A world of its own, dropped when the test is over."""
