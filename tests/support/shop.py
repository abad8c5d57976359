"""Owns a merchant's side: a client that blocks, on a real socket, in a world of its own."""

from typing import Any, Self

import requests

from tests.support.bodies import documented_create
from tests.support.serving import Serving

PATIENCE = 10
"""Seconds after which a silent server counts as hanging."""


class Shop:
    """A new world, frozen in 2030 unless told otherwise, and one session that uses it."""

    def __init__(self, server: Serving, clock: str = "2030-01-15T10:30:00Z") -> None:
        self.server = server
        self.session = requests.Session()
        made = self.session.post(
            f"{server.address}/_sandbox/worlds", json={"clock": clock}, timeout=PATIENCE
        )
        self.key: str = made.json()["api_key"]
        self.session.headers["Authorization"] = f"Bearer {self.key}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.session.close()

    @property
    def payments_url(self) -> str:
        """Where payments are made and listed."""
        return f"{self.server.base_url}/payments"

    def pay(self, **changes: Any) -> requests.Response:  # noqa: ANN401 - JSON
        """The reply to the documented create, with changes to its body."""
        body = documented_create(**changes)
        return self.session.post(self.payments_url, json=body, timeout=PATIENCE)

    def control(self, method: str, path: str, json: object = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON that the control API answers."""
        url = f"{self.server.address}/_sandbox/{path}"
        reply = self.session.request(method, url, json=json, timeout=PATIENCE)
        assert reply.ok, reply.text
        return reply.json()

    def counts(self) -> dict[str, int]:
        """How many payments there are, by status; those that have none are left out."""
        counts = self.control("GET", "world")["payments"]
        return {status: count for status, count in counts.items() if count}

    def events(self) -> list[str]:
        """The types of all events, oldest first."""
        return [event["type"] for event in self.control("GET", "events")["data"]][::-1]

    def advance(self, by: str) -> list[str]:
        """Move the clock; what happened, in order."""
        happened = self.control("POST", "clock/advance", {"by": by})["happened"]
        return [each["what"] for each in happened]

    def last_request(self) -> dict[str, Any]:
        """The journal's newest entry."""
        (entry,) = self.control("GET", "requests?limit=1")["data"]
        return dict(entry)
