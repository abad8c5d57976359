"""Owns `Server` and `Sandbox`: a server and one of its worlds, as plain objects for tests."""

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
"""Makes pytest show the line of the test that called, and hide frames of this module."""

T = TypeVar("T")


class Sandbox:
    """A world: its addresses and key, and everything that tests do with it.

    Lists are in chronological order, and are requested anew on each access.

    Attributes:
        base_url: the address of the emulated API; ends in `/v3`.
        sandbox_url: the address of the control API.
        api_key: the key that identifies the world.
        webhook_secret: the secret that signs its webhooks.
        seed: the seed of its ids and random draws.
        token: the `Sandbox-Token` that the control API requires, or None.
        control: the control API, with one method for each route.
        clock, rate_limit: the world's clock and rate limit.
        is_scripted: whether `use` or `expect` was called.
        is_closed: whether `close` was called.
        made: the world as the control API showed it when this object was made.
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
        # Set by the pytest fixtures; called before the world loses state or scenarios end.
        self._before_end: BeforeEnd | None = None
        self._server = server
        self._folders = folders
        self._expected: list[str] = []

    @property
    def headers(self) -> dict[str, str]:
        """The `Authorization` header with the world's key."""
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def payments(self) -> list[PaymentModel]:
        """Every payment in full; reading them uses up no rate limit."""
        return _oldest_first(self.control.list_payments)

    @property
    def requests(self) -> list[JournalEntryModel]:
        """The requests in the journal, each with the rule that answered; cards are masked."""
        return _oldest_first(self.control.list_requests)

    @property
    def events(self) -> list[EventModel]:
        """Every event, in the form of its webhook body."""
        return _oldest_first(self.control.list_events)

    @property
    def deliveries(self) -> list[DeliveryModel]:
        """The deliveries of events to endpoints, each with all its attempts."""
        return _oldest_first(self.control.list_deliveries)

    @property
    def webhooks(self) -> list[WebhookEndpointModel]:
        """The webhook endpoints."""
        return _oldest_first(self.control.list_webhook_endpoints)

    def inbox(
        self, name: str = "test", *, events: Sequence[WebhookEndpointEventLiteral] = ("*",)
    ) -> Inbox:
        """Return a built-in receiver that gets these events from now on.

        The world gets an endpoint for it, unless one already sends there or `events` is empty.
        """
        inbox = Inbox(self.control, name)
        if events and inbox.url not in [each["url"] for each in self.webhooks]:
            self.control.create_webhook_endpoint(inbox.url, events=events)
        return inbox

    def use(self, *scenarios: str | Path | Mapping[str, object]) -> None:
        """Activate further scenarios: by name, by the path of a file, or as a dict.

        Raises:
            UnknownScenario: the file does not exist.
            ControlApiError: the name is unknown, or the scenario is invalid; `problems` has the
                details.
        """
        for scenario in scenarios:
            self.is_scripted = True
            self.control.add_active_scenario(self._found(scenario))

    def expect(self, *expectations: Mapping[str, object]) -> None:
        """Require these to hold at the end of the test, or at the next `verify`.

        Raises:
            ControlApiError: an expectation is invalid; `problems` has the details.
        """
        self._expected.append(name := f"expected-{len(self._expected) + 1}")
        self.use({"scenario": name, "expect": expectations})

    def verify(self, *expectations: Mapping[str, object], within: str | None = None) -> None:
        """Check these expectations now, or without arguments those of all scenarios.

        Args:
            expectations: in the form of a scenario's `expect`.
            within: how long to wait for them to hold, in wall time.

        Raises:
            ExpectationFailed: some do not hold; the message says which, and what was seen instead.
        """
        raise_if_unmet(
            self.control.verify(expect=expectations or None, within=within)["expectations"]
        )

    def judge(self, *scenarios: str) -> None:
        """Check the expectations and rules of scenarios, as the end of a strict test does.

        Args:
            scenarios: the names of the scenarios to check; all of them by default.

        Raises:
            ExpectationFailed: an expectation does not hold within its time, or a rule with
                `then: fail` has run out of steps.
        """
        judge_scenarios(self.control, scenarios)

    def check_calls(self) -> None:
        """Check that the client made only calls that the API has.

        Raises:
            ExpectationFailed: a call had an undocumented path or method.
        """
        check_calls(self.report().get("undocumented", ()))

    def report(self) -> ReportModel:
        """Which expectations are met, which rules fired and why others did not, and the audit."""
        return self.control.retrieve_report()

    def audit(self) -> AuditModel:
        """The audit: whether it is `clean`, and its `findings`, such as a double charge."""
        return self.control.retrieve_audit()

    def snapshot(self) -> dict[str, Any]:
        """The whole world, for `restore` in this or another world."""
        return self.control.retrieve_snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Replace the world's state with that of a snapshot."""
        self.control.restore_snapshot(snapshot)

    def reset(self, *only: ResetWorldOnlyLiteral) -> None:
        """Return the world, or only parts of it such as `payments`, to its initial state."""
        self.control.reset_world(only=only or None)

    def explain(self, request_id: str) -> str:
        """The outcome of a request, and the rule that answered it, or why each rule did not."""
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
        """Report that something in this world is about to end.

        Returns:
            A callback for when it has ended; None if nobody listens.
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
    """Read all pages of a list that begins with the newest item."""
    return list(every(list_page))[::-1]


class Server:
    """A running server.

    Attributes:
        url: its address, such as `http://127.0.0.1:8080`.
        token: the `Sandbox-Token` that its control API requires, or None.
        ca_file: with `tls="auto"`, the CA certificate that clients have to trust.
        ca_bundle: with `tls="auto"`, that certificate and all that this machine trusts.
        tls_faults: for each TLS fault, the `base_url` of the port with the bad certificate.
    """

    ca_file: Path | None = None
    ca_bundle: Path | None = None
    tls_faults: Mapping[str, str] = MappingProxyType({})
    _on_world: Callable[[Sandbox], None] | None = (
        None  # set by the plugin; called with each world that is returned
    )

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self._held: dict[str | None, WeakSet[Sandbox]] = {}

    @property
    def base_url(self) -> str:
        """The address of the emulated API; ends in `/v3`."""
        return f"{self.url}/v3"

    @property
    def sandbox_url(self) -> str:
        """The address of the control API."""
        return f"{self.url}/_sandbox"

    def client(self, api_key: str | None = None) -> SandboxClient:
        """Return a client of the control API, for the world of a key."""
        transport = WatchedTransport(self._transport(api_key), partial(self._before, api_key))
        return SandboxClient(self.url, api_key, transport=transport)

    def async_client(self, api_key: str | None = None) -> AsyncSandboxClient:
        """Return the same client for code that must not block its event loop."""
        before = partial(self._before, api_key)
        transport = AsyncWatchedTransport(self._async_transport(api_key), before)
        return AsyncSandboxClient(self.url, api_key, transport=transport)

    def _transport(self, api_key: str | None = None) -> Transport:
        """Make the transport of a client."""
        return HttpTransport(parse_address(self.url), common_headers(api_key, self.token))

    def _async_transport(self, api_key: str | None = None) -> AsyncTransport:
        """Make the transport of an asynchronous client."""
        return AsyncHttpTransport(parse_address(self.url), common_headers(api_key, self.token))

    def world(self, api_key: str, *, folders: Sequence[Path] = ()) -> Sandbox:
        """Return the world of a key; it is made if the key has none."""
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
        """Make a new world, which exists until it is closed.

        Args:
            key: its API key; an earlier world of the key is dropped. By default a new key.
            name: its name in reports.
            seed: the seed of its ids and draws; derived from the server's seed by default.
            clock: an ISO 8601 instant at which its clock is frozen, or `live`.
            rate_limit: requests per hour of its clock.
            folders: folders with scenarios of your own.
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
        """Report to the holders of a world what a client's request is about to end."""
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
    """The type of the fixture `make_sandbox`, which makes one more world for a test."""

    def __call__(
        self,
        *scenarios: str,
        key: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
    ) -> Sandbox:
        """Make a world, which is dropped when the test is over."""
