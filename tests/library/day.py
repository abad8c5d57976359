"""Owns one day of a shop in a world of its own: the scenario, the webhooks, the passing of time."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import httpx

from payments_sandbox.core.instants import SECOND
from tests.library.endpoint import endpoint
from tests.library.merchant import Account, Order, Shop, Time

MORNING: Final = "2030-01-15T09:00:00Z"
FELT: Final = 1.0
"""Seconds from which on a pause passes on the world's clock alone."""


Host = httpx.Client
"""Speaks to the control API of a sandbox, on a connection that all worlds share."""


class Control:
    """The remote control of one world."""

    def __init__(self, host: Host, api_key: str) -> None:
        self._host = host
        self.address = str(host.base_url).removesuffix("/_sandbox/")
        self.api_key = api_key
        self._headers = {"Authorization": f"Bearer {api_key}"}

    def __call__(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask, and expect to be understood; the JSON of the answer."""
        reply = self._host.request(method, path, json=body, headers=self._headers)
        assert reply.is_success, reply.text
        return reply.json()

    def advance(self, by: str) -> None:
        """Let time pass; everything that falls due happens, webhooks included."""
        self("POST", "clock/advance", {"by": by})


class WorldTime:
    """The time of a process that lives in a world: its clock moves when somebody sleeps.

    What clients are judged by on the wall, the pause between two tries, passes there too.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def now(self) -> datetime:
        """What the world's clock says."""
        return datetime.fromisoformat(self._control("GET", "clock")["now"])

    def sleep(self, seconds: float) -> None:
        """Move the clock; a short pause is felt as well."""
        if seconds < FELT:
            threading.Event().wait(seconds)
        self._control.advance(f"{round(seconds * SECOND)}ms")


class Day:
    """What happens to a shop; the same whoever has written it."""

    def __init__(self, shop: Shop, control: Control, endpoint_id: str) -> None:
        self.shop = shop
        self.address, self.api_key = control.address, control.api_key
        self._control = control
        self._endpoint_id = endpoint_id
        self._orders = 0

    def order(self, amount: int = 4_200) -> str | None:
        """A customer orders and pays; the id of the payment."""
        self._orders += 1
        return self.shop.pay(Order(self._orders, f"cust_{self._orders}", amount))

    def later(self, by: str = "0s") -> None:
        """Time passes, webhooks arrive, and the shop does what they leave to be done."""
        self._control.advance(by)
        self.shop.work()

    def rotate_secret(self) -> None:
        """Somebody rotates the secret in the dashboard, and tells the shop."""
        path = f"webhook_endpoints/{self._endpoint_id}/rotate_secret"
        self.shop.replace_secret(self._control("POST", path)["secret"])

    def report(self) -> dict[str, Any]:
        """What the sandbox makes of it."""
        return dict(self._control("GET", "report"))


MakeShop = Callable[[Account, Time], Shop]


@contextlib.contextmanager
def opened(host: Host, scenario: str, make_shop: MakeShop) -> Iterator[Day]:
    """A day in a world with a scenario, until the block ends."""
    made = host.post("worlds", json={"clock": MORNING, "scenarios": [scenario]})
    assert made.is_success, made.text
    world = made.json()
    account = Account(world["base_url"], world["api_key"], world["webhook_secret"])
    control = Control(host, account.api_key)
    shop = make_shop(account, WorldTime(control))
    with contextlib.closing(shop), endpoint(shop.on_webhook) as url:
        hook = control("POST", "webhook_endpoints", {"url": url})
        yield Day(shop, control, hook["id"])
