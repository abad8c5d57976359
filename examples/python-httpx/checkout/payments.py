"""A client of the Payments API that never charges twice, even if replies are lost."""

import time
from collections.abc import Iterator
from typing import Any

import httpx

TOO_MANY = 429
FAILED = 500


class Declined(Exception):
    """The API rejected the request; a retry would be rejected too."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RateLimited(Exception):
    """The rate limit is used up until `reset`, in seconds since 1970."""

    def __init__(self, reset: int) -> None:
        super().__init__(f"the rate limit is used up until {reset}")
        self.reset = reset


class Unavailable(Exception):
    """The API gave no usable answer."""


class Payments:
    """One merchant's payments.

    Args:
        base_url: the URL of the API, with its version.
        api_key: the merchant's key.
        tries: the maximum number of attempts for a request.
        pause: seconds before the second try; each later pause is twice as long.
    """

    def __init__(self, base_url: str, api_key: str, *, tries: int = 4, pause: float = 0.5) -> None:
        self._tries = tries
        self._pause = pause
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=10
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create(
        self, *, amount: int, currency: str, card: dict[str, Any], customer: str, reference: str
    ) -> dict[str, Any]:
        """Pay exactly once; `reference` must be unique among the payments of this customer.

        The API has no idempotency keys. If a reply is lost, the payment may have been made, and
        only the list of payments can tell. So look there before sending a create again.
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
        raise Unavailable(f"cannot tell whether {reference} is paid")

    def find(self, customer: str, reference: str) -> dict[str, Any] | None:
        """Return the customer's payment with this reference that has not failed, if any."""
        for listed in self._listed(customer):
            if listed["status"] != "failed":
                payment = self.retrieve(listed["id"])  # the list has no descriptions
                if payment["description"] == reference:
                    return payment
        return None

    def retrieve(self, payment_id: str) -> dict[str, Any]:
        """Return one payment."""
        return self._read(f"/payments/{payment_id}", {})

    def _listed(self, customer: str) -> Iterator[dict[str, Any]]:
        """Yield all payments of a customer, newest first, page by page."""
        query = {"customer_id": customer, "limit": "100"}
        while True:
            page = self._read("/payments", query)
            yield from page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["next_cursor"]

    def _read(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        """Send a GET, with retries: reading changes nothing, so it is safe to repeat."""
        for attempt in range(self._tries):
            if (answer := self._answer("GET", path, params=query)) is not None:
                return answer
            time.sleep(self._pause * 2**attempt)
        raise Unavailable(f"no usable answer from {path}")

    def _answer(self, method: str, path: str, **sent: Any) -> dict[str, Any] | None:
        """Return the API's answer, or None if it was lost or unusable."""
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
