"""Owns the calls about what a world has seen and done."""

from collections.abc import Generator, Mapping

from payments_sandbox.client.exchange import News, given, news, question, segment
from payments_sandbox.client.models.objects import Delivery, Event, JournalEntry, Page
from payments_sandbox.client.sync.caller import Caller


class RecordCalls(Caller):
    """Events, requests, and both as they come."""

    def list_events(
        self, *, limit: int | None = None, starting_after: str | None = None
    ) -> Page[Event]:
        """Events as webhook bodies, newest first."""
        return self._get(Page[Event], "/events", limit=limit, starting_after=starting_after)

    def create_event(
        self,
        type: str,
        *,
        payment_id: str | None = None,
        data: Mapping[str, object] | None = None,
    ) -> Event:
        """Send an event by hand: about a payment, about one made for it, or with any data."""
        body = {"type": type, "payment_id": payment_id, "data": data}
        return self._tell(Event, "POST", "/events", body)

    def resend_event(self, event_id: str, *, endpoint_id: str | None = None) -> Page[Delivery]:
        """Send an event once more, to one endpoint or to all that want it."""
        path = f"/events/{segment(event_id)}/resend"
        return self._tell(Page[Delivery], "POST", path, {"endpoint_id": endpoint_id})

    def list_requests(
        self, *, limit: int | None = None, starting_after: str | None = None
    ) -> Page[JournalEntry]:
        """The requests that the world has seen, newest first."""
        return self._get(
            Page[JournalEntry], "/requests", limit=limit, starting_after=starting_after
        )

    def retrieve_request(self, request_id: str) -> JournalEntry:
        """One request, what answered it, and why no rule did."""
        return self._get(JournalEntry, f"/requests/{segment(request_id)}")

    def stream(self, *, last: int | None = None) -> Generator[News, None, None]:
        """Requests, events and deliveries as they come, from the first step of the loop on.

        Args:
            last: how many of the requests that were seen before to begin with.
        """
        said: list[str] = []
        asked = question("GET", "/stream", query=given({"last": last}))
        for line in self._line.lines(asked):
            if line:
                said.append(line)
                continue
            if (message := news(said)) is not None:
                yield message
            said.clear()
