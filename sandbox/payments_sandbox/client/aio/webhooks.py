"""Owns the calls about webhooks: endpoints, deliveries and built-in receivers."""

from collections.abc import Mapping, Sequence

from payments_sandbox.client.aio.caller import AsyncCaller
from payments_sandbox.client.exchange import CONTROL_PATH, Question, segment
from payments_sandbox.client.models.objects import Delivery, Page, WebhookEndpoint
from payments_sandbox.client.models.responses import InboxItem, InboxScriptResponse


class AsyncWebhookCalls(AsyncCaller):
    """Where events are sent, what became of them, and who can receive them."""

    async def list_webhook_endpoints(
        self, *, limit: int | None = None, starting_after: str | None = None
    ) -> Page[WebhookEndpoint]:
        """Endpoints, newest first."""
        path = "/webhook_endpoints"
        return await self._get(
            Page[WebhookEndpoint], path, limit=limit, starting_after=starting_after
        )

    async def create_webhook_endpoint(
        self,
        url: str,
        *,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        secret: str | None = None,
        signature: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        retries: Sequence[str] | None = None,
        timeout: str | None = None,
    ) -> WebhookEndpoint:
        """Make an endpoint; `inbox:NAME` is a receiver that is built in."""
        body = {
            "url": url,
            "events": events,
            "description": description,
            "enabled": enabled,
            "secret": secret,
            "signature": signature,
            "headers": headers,
            "retries": retries,
            "timeout": timeout,
        }
        return await self._tell(WebhookEndpoint, "POST", "/webhook_endpoints", body)

    async def retrieve_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """One endpoint."""
        return await self._get(WebhookEndpoint, f"/webhook_endpoints/{segment(endpoint_id)}")

    async def update_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        secret: str | None = None,
        signature: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        retries: Sequence[str] | None = None,
        timeout: str | None = None,
    ) -> WebhookEndpoint:
        """Change what is given and keep the rest; an empty description is none."""
        body = {
            "url": url,
            "events": events,
            "description": description,
            "enabled": enabled,
            "secret": secret,
            "signature": signature,
            "headers": headers,
            "retries": retries,
            "timeout": timeout,
        }
        path = f"/webhook_endpoints/{segment(endpoint_id)}"
        return await self._tell(WebhookEndpoint, "PATCH", path, body)

    async def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Forget an endpoint; its pending deliveries end."""
        await self._drop(f"/webhook_endpoints/{segment(endpoint_id)}")

    async def rotate_secret(
        self, endpoint_id: str, *, secret: str | None = None
    ) -> WebhookEndpoint:
        """Give an endpoint a new secret; the old one stays valid for a virtual day."""
        path = f"/webhook_endpoints/{segment(endpoint_id)}/rotate_secret"
        return await self._tell(WebhookEndpoint, "POST", path, {"secret": secret})

    async def list_deliveries(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        event_id: str | None = None,
        endpoint_id: str | None = None,
        status: str | None = None,
    ) -> Page[Delivery]:
        """Deliveries with all their attempts, newest first."""
        return await self._get(
            Page[Delivery],
            "/deliveries",
            limit=limit,
            starting_after=starting_after,
            event_id=event_id,
            endpoint_id=endpoint_id,
            status=status,
        )

    async def retrieve_delivery(self, delivery_id: str) -> Delivery:
        """One delivery with all its attempts."""
        return await self._get(Delivery, f"/deliveries/{segment(delivery_id)}")

    async def receive_webhook(self, name: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post to a built-in receiver, as a sender of webhooks does; the status that it answers."""
        target = f"{CONTROL_PATH}/inbox/{segment(name)}"
        answer = await self._line.ask(Question("POST", target, body, headers))
        return answer.status

    async def read_inbox(
        self,
        name: str,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        type: str | None = None,
        wait: str | None = None,
        count: int | None = None,
    ) -> Page[InboxItem]:
        """What a built-in receiver has got, oldest first; with `wait` once `count` are there."""
        return await self._get(
            Page[InboxItem],
            f"/inbox/{segment(name)}",
            limit=limit,
            starting_after=starting_after,
            type=type,
            wait=wait,
            count=count,
        )

    async def script_inbox(self, name: str, respond: Sequence[int]) -> InboxScriptResponse:
        """Answer the next messages with these statuses, one each; later ones get 200."""
        body = {"respond": respond}
        return await self._tell(InboxScriptResponse, "PUT", f"/inbox/{segment(name)}", body)

    async def empty_inbox(self, name: str) -> None:
        """Forget what has arrived, and what was to be answered."""
        await self._drop(f"/inbox/{segment(name)}")
