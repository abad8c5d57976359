"""One day of a shop in a separate world: the scenario, the webhooks, the passing of time."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import httpx

from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.server.factory import wall_clock
from tests.library.endpoint import endpoint
from tests.library.merchant import Account, Order, Shop, Time

MORNING: Final = "2030-01-15T09:00:00Z"
FELT: Final = 1.0
"""Seconds from which a pause passes on the world's clock only."""


class Wall:
    """The wall clock of a sandbox, on which a wait ends at once."""

    def __init__(self) -> None:
        self._ahead = 0

    def now(self) -> Instant:
        """Return its time."""
        return Instant(wall_clock() + self._ahead)

    def wait(self, seconds: float) -> None:
        """Move it."""
        self._ahead += round(seconds * SECOND)


class Host(NamedTuple):
    """A sandbox for all worlds.

    Attributes:
        http: the one connection to its control API.
        wall: its clock.
    """

    http: httpx.Client
    wall: Wall


class Control:
    """The control API of one world."""

    def __init__(self, host: Host, api_key: str) -> None:
        self._http = host.http
        self.address = str(host.http.base_url).removesuffix("/_sandbox/")
        self.api_key = api_key
        self._headers = {"Authorization": f"Bearer {api_key}"}

    def __call__(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call it, assert success and return the JSON of the reply."""
        reply = self._http.request(method, path, json=body, headers=self._headers)
        assert reply.is_success, reply.text
        return reply.json()

    def advance(self, by: str) -> None:
        """Advance the clock; all that falls due happens, including webhooks."""
        self("POST", "clock/advance", {"by": by})


class WorldTime:
    """The time of a client in a world: its clock advances when the client sleeps.

    The pause between two attempts, by which clients are judged, passes on the wall clock, too.
    """

    def __init__(self, control: Control, wall: Wall) -> None:
        self._control = control
        self._wall = wall

    def now(self) -> datetime:
        """Return the time of the world."""
        return datetime.fromisoformat(self._control("GET", "clock")["now"])

    def sleep(self, seconds: float) -> None:
        """Advance the clock; a short pause also passes on the wall clock."""
        if seconds < FELT:
            self._wall.wait(seconds)
        self._control.advance(f"{round(seconds * SECOND)}ms")


class Day:
    """The events of a shop's day, for any integration."""

    def __init__(self, shop: Shop, control: Control, endpoint_id: str) -> None:
        self.shop = shop
        self.address, self.api_key = control.address, control.api_key
        self._control = control
        self._endpoint_id = endpoint_id
        self._orders = 0

    def order(self, amount: int = 4_200) -> str | None:
        """Let a customer order and pay; return the id of the payment."""
        self._orders += 1
        return self.shop.pay(Order(self._orders, f"cust_{self._orders}", amount))

    def later(self, by: str = "0s") -> None:
        """Let time pass and webhooks arrive, then let the shop do the work they left."""
        self._control.advance(by)
        self.shop.work()

    def rotate_secret(self) -> None:
        """Rotate the webhook secret and give the new one to the shop."""
        path = f"webhook_endpoints/{self._endpoint_id}/rotate_secret"
        self.shop.replace_secret(self._control("POST", path)["secret"])

    def report(self) -> dict[str, Any]:
        """Return the report of the sandbox."""
        return dict(self._control("GET", "report"))


MakeShop = Callable[[Account, Time], Shop]


@contextlib.contextmanager
def opened(host: Host, scenario: str, make_shop: MakeShop) -> Iterator[Day]:
    """Run a day in a world with a scenario."""
    made = host.http.post("worlds", json={"clock": MORNING, "scenarios": [scenario]})
    assert made.is_success, made.text
    world = made.json()
    account = Account(world["base_url"], world["api_key"], world["webhook_secret"])
    control = Control(host, account.api_key)
    shop = make_shop(account, WorldTime(control, host.wall))
    with contextlib.closing(shop), endpoint(shop.on_webhook) as url:
        hook = control("POST", "webhook_endpoints", {"url": url})
        yield Day(shop, control, hook["id"])
