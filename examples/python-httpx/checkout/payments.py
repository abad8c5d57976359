"""The client of the Payments API: it never charges twice, whatever becomes of a reply."""

import time
from collections.abc import Iterator
from typing import Any

import httpx

TOO_MANY = 429
FAILED = 500


class Declined(Exception):
    """The API has said no, and will say it again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RateLimited(Exception):
    """Nothing will be answered before `reset`, in seconds since 1970."""

    def __init__(self, reset: int) -> None:
        super().__init__(f"the rate limit is used up until {reset}")
        self.reset = reset


class Unavailable(Exception):
    """The API does not answer, or not in a way that can be understood."""


class Payments:
    """One merchant's payments.

    Args:
        base_url: where the API is, with its version.
        api_key: the merchant's.
        tries: how often something is asked before giving up.
        pause: seconds before the second try; each later pause is twice as long.
    """

    def __init__(self, base_url: str, api_key: str, *, tries: int = 4, pause: float = 0.5) -> None:
        self._tries = tries
        self._pause = pause
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=10
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def create(
        self, *, amount: int, currency: str, card: dict[str, Any], customer: str, reference: str
    ) -> dict[str, Any]:
        """Pay once; `reference` is what no two payments of this customer have in common.

        The API knows no idempotency keys. So when a reply is lost, the payment may have been made,
        and only the list of payments can tell: no create is sent again without looking there.
        """
        body = {
            "amount": amount,
            "currency": currency,
            "payment_method": {"type": "card"} | card,
            "customer_id": customer,
            "description": reference,
        }
        for attempt in range(self._tries):
            if attempt and (made := self.find(customer, reference)):
                return made
            if (answer := self._answer("POST", "/payments", json=body)) is not None:
                return answer
            time.sleep(self._pause * 2**attempt)
        if made := self.find(customer, reference):
            return made
        raise Unavailable(f"nobody can tell whether {reference} is paid")

    def find(self, customer: str, reference: str) -> dict[str, Any] | None:
        """The customer's payment of this reference that has not failed, if there is one."""
        for listed in self._listed(customer):
            if listed["status"] != "failed":
                payment = self.retrieve(listed["id"])  # the list has no descriptions
                if payment["description"] == reference:
                    return payment
        return None

    def retrieve(self, payment_id: str) -> dict[str, Any]:
        """One payment."""
        return self._read(f"/payments/{payment_id}", {})

    def _listed(self, customer: str) -> Iterator[dict[str, Any]]:
        """All payments of a customer, newest first: every page of them."""
        query = {"customer_id": customer, "limit": "100"}
        while True:
            page = self._read("/payments", query)
            yield from page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["next_cursor"]

    def _read(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        """Reading changes nothing, so it can simply be tried again."""
        for attempt in range(self._tries):
            if (answer := self._answer("GET", path, params=query)) is not None:
                return answer
            time.sleep(self._pause * 2**attempt)
        raise Unavailable(f"{path} does not answer")

    def _answer(self, method: str, path: str, **sent: Any) -> dict[str, Any] | None:
        """What the API says; None when its answer is lost, or is none."""
        try:
            reply = self._http.request(method, path, **sent)
            said = reply.json()
        except (httpx.RequestError, ValueError):
            return None
        if reply.status_code == TOO_MANY:
            raise RateLimited(int(reply.headers["X-RateLimit-Reset"]))
        if reply.status_code >= FAILED or not isinstance(said, dict):
            return None
        if reply.is_error:
            raise Declined(said["error"]["code"], said["error"]["message"])
        return said
